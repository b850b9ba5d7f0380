//! Whole apps that know nothing but the address of a hub.

use std::time::Duration;

use guildhall::{App, Config, Cx, Env, RunningApp, Status};
use guildhall_hub::Hub;
use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};

use crate::world::{World, until_it_works};

struct Hello;

impl Greeter for Hello {
    async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
        Ok(HelloRsp { text: format!("hello, {}", req.name) })
    }
}

async fn say(cx: &Cx) -> Result<String, Status> {
    Ok(GreeterClient::new(cx).say(HelloReq { name: "you".into() }).await?.text)
}

async fn start(world: &World, id: &str) -> RunningApp {
    let url = world.url().await;
    let config = Config::builder()
        .set("app.id", id)
        .set("link.listen", "127.0.0.1:0")
        .set("link.secret", "secret")
        .set("link.redial_ms", 20);
    let urls = ["app.discovery", "app.broker", "app.queue", "app.leases"];
    let config = urls.iter().fold(config, |config, key| config.set(key, url.as_str()));
    let app = App::with(config.build().unwrap()).plugin(Hub).env(Env::real());
    let app = if id.contains(".greeter.") { app.serve(GreeterServer::new(Hello)) } else { app };
    Box::pin(app.start()).await.unwrap()
}

#[tokio::test]
async fn apps_find_each_other_by_a_hub_and_calls_go_on_while_it_is_away() {
    let world = World::new();
    world.restart().await;
    let greeter = start(&world, "test.w1.greeter.1").await;
    let caller = start(&world, "test.w1.caller.1").await;
    let (cx, env) = (caller.cx(), Env::real());
    let (text, _) = until_it_works(&env, "say", async || say(&cx).await).await;
    assert_eq!(text, "hello, you");

    world.kill().await;
    for _ in 0..20 {
        assert_eq!(say(&cx).await.as_deref(), Ok("hello, you"), "the hub carries no calls");
    }
    world.restart().await;
    // Who comes now finds those that were there.
    let late = start(&world, "test.w1.late.1").await;
    let late_cx = late.cx();
    let (_, gap) = until_it_works(&env, "say", async || say(&late_cx).await).await;
    println!("found by a new app {gap:?} after that had started");
    assert!(gap < Duration::from_secs(5), "they registered {gap:?} after the hub was back");
    assert_eq!(say(&cx).await.as_deref(), Ok("hello, you"));
    for app in [greeter, caller, late] {
        app.shutdown().await;
    }
}

#[tokio::test]
async fn queues_and_leases_of_an_app_are_opened_when_they_are_first_used() {
    let world = World::new();
    world.restart().await;
    // A hub serves all worlds of its env.
    let app = start(&world, "test.w2.caller.1").await;
    let queue = app.cx().queue().await.unwrap();
    assert_eq!(queue.capabilities().ack_wait, Some(Duration::from_secs(5)), "it is the hub's");
    assert!(app.cx().leases().await.unwrap().capabilities().durable_epochs);

    let config = Config::builder().set("app.queue", "static:127.0.0.1:1").build().unwrap();
    let app = Box::pin(App::with(config).start()).await.unwrap();
    let status = app.cx().queue().await.map(drop).unwrap_err();
    assert!(status.message().contains("app.queue = \"static:127.0.0.1:1\""), "{status}");
    let config = Config::builder().set("app.leases", "nowhere:1").build().unwrap();
    let error = Box::pin(App::with(config).start()).await.unwrap_err().to_string();
    assert!(error.contains("app.leases") && error.contains("no plugin"), "{error}");
}
