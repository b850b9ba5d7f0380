//! What is answered to whom.

use guildhall_http::Limits;

use crate::world::{World, limits};

#[tokio::test]
async fn requests_of_one_connection_are_answered_one_after_the_other() {
    let world = World::start(limits()).await;
    let mut client = world.client().await;
    for n in 0..3 {
        let (body, length) = (format!("body {n}"), 6);
        let request = format!("POST /echo HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
        client.send(request.as_bytes()).await;
        assert_eq!(client.reply().await.unwrap().body, body);
    }
    // All at once, too.
    client.send("GET /who HTTP/1.1\r\n\r\n".repeat(3).as_bytes()).await;
    for _ in 0..3 {
        assert_eq!(client.reply().await.unwrap().body, "127.0.0.1");
    }
}

#[tokio::test]
async fn without_keep_alive_a_connection_has_one_request() {
    let world = World::start(Limits { keep_alive: false, ..limits() }).await;
    let mut client = world.client().await;
    client.ask("/echo").await;
    assert_eq!(client.reply().await.unwrap().code, 200);
    assert_eq!(client.reply().await, None);
}

#[tokio::test]
async fn a_large_body_is_refused_and_its_sender_reads_why() {
    let world = World::start(limits()).await;
    for head in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut client = world.client().await;
        client.send(format!("POST /echo HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await;
        let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
        for _ in 0..12 {
            client.send(chunk.as_bytes()).await;
        }
        let reply = client.reply().await.unwrap();
        assert_eq!((reply.code, reply.body.as_str()), (413, "TooLarge"), "{head}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let world = World::start(limits()).await;
    let long = format!("GET / HTTP/1.1\r\nCookie: {}\r\n\r\n", "x".repeat(16 << 10));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
    let cases: [(&[u8], u16); 4] = [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (long.as_bytes(), 431),
        (many.as_bytes(), 431),
    ];
    for (bytes, code) in cases {
        let mut client = world.client().await;
        client.send(bytes).await;
        let reply = client.reply().await.unwrap();
        assert_eq!(
            reply.code,
            code,
            "{:?}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(64)])
        );
        assert_eq!(client.reply().await, None);
    }
}

#[tokio::test]
async fn a_client_is_whom_its_socket_says_it_is() {
    let world = World::start(limits()).await;
    let mut client = world.client_from("127.0.0.3").await;
    let forged = "X-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\nX-Real-IP: 9.9.9.9";
    client.send(format!("GET /who HTTP/1.1\r\n{forged}\r\n\r\n").as_bytes()).await;
    assert_eq!(client.reply().await.unwrap().body, "127.0.0.3");
}

#[tokio::test]
async fn a_held_answer_comes_later_and_ends_its_connection() {
    let world = World::start(limits()).await;
    let begin = std::time::Instant::now();
    let mut client = world.client().await;
    client.ask("/short").await;
    let reply = client.reply().await.unwrap();
    assert_eq!(reply.code, 403);
    assert!(begin.elapsed() >= std::time::Duration::from_millis(100), "{:?}", begin.elapsed());
    assert!(reply.head.to_lowercase().contains("connection: close\r\n"), "{}", reply.head);
    assert_eq!(client.reply().await, None);
}
