//! CORS: which web sites may read answers.

use guildhall_http::{Limits, Origins};

use crate::world::{Reply, World, limits};

async fn world(origins: &[&str]) -> World {
    let list: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
    let origins = Origins::parse("test.origins", &list).unwrap();
    World::start(Limits { origins, ..limits() }).await
}

async fn ask(world: &World, method: &str, origin: &str) -> Reply {
    let mut client = world.client().await;
    let request = format!(
        "{method} /echo HTTP/1.1\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    );
    client.send(request.as_bytes()).await;
    client.reply().await.unwrap()
}

fn allows(reply: &Reply) -> Option<&str> {
    reply.head.lines().find_map(|line| line.strip_prefix("Access-Control-Allow-Origin: "))
}

#[tokio::test]
async fn pages_of_the_named_sites_may_read_answers() {
    let world = world(&["https://game.example", "http://localhost:5173"]).await;
    for origin in ["https://game.example", "http://localhost:5173"] {
        let before = ask(&world, "OPTIONS", origin).await;
        assert_eq!((before.code, allows(&before)), (204, Some(origin)), "{before:?}");
        assert!(before.head.contains("Access-Control-Allow-Headers: content-type"), "{before:?}");
        let reply = ask(&world, "POST", origin).await;
        assert_eq!((reply.code, allows(&reply)), (200, Some(origin)));
        assert!(reply.head.contains("Vary: origin"), "{reply:?}");
    }
    for origin in ["https://evil.example", "https://game.example.evil.example", "null"] {
        let before = ask(&world, "OPTIONS", origin).await;
        assert_eq!(allows(&before), None, "{before:?}");
        let reply = ask(&world, "POST", origin).await;
        assert_eq!((reply.code, allows(&reply)), (200, None));
    }
}

#[tokio::test]
async fn without_sites_no_page_may_read_answers_and_with_a_star_all_may() {
    let none = world(&[]).await;
    assert_eq!(allows(&ask(&none, "POST", "https://game.example").await), None);
    let all = world(&["*"]).await;
    assert_eq!(allows(&ask(&all, "POST", "https://a.example").await), Some("https://a.example"));
}

#[test]
fn what_is_no_origin_is_an_error_that_names_its_setting() {
    for wrong in ["game.example", "https://", "https://game.example/path", "ftp://x", ""] {
        let error = Origins::parse("login.origins", &[wrong.to_owned()]).unwrap_err();
        assert!(error.contains("login.origins") && error.contains(wrong), "{error}");
    }
}
