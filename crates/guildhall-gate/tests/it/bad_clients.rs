//! Clients that do not keep to the protocol, or to nothing.

use guildhall::status::reason;
use guildhall_wire::{Packet, Welcome};

use crate::clients::{Tcp, Ws, call, hello};
use crate::world::{FIND, find, world, world_with};

#[tokio::test]
async fn packets_before_hello_are_dropped_and_counted() {
    let world = world().await;
    let stats = world.gate.stats();
    let (dropped, calls) = (stats.dropped.get(), stats.calls.get());
    let mut client = Tcp::connect(world.tcp()).await;
    client.send(&call(1, FIND, &find("early"))).await;
    client.send(&Packet::Ping { id: 5 }).await;
    client.send(&hello("bob")).await;
    assert!(matches!(client.recv().await, Some(Packet::Welcome(_))));
    assert_eq!(stats.dropped.get(), dropped + 2);
    assert_eq!(stats.calls.get(), calls);
}

#[tokio::test]
async fn a_client_that_says_no_hello_is_told_and_cut() {
    let world = world_with(|config| config.set("gate.handshake_ms", 500)).await;
    let mut client = Tcp::connect(world.tcp()).await;
    client.send(&Packet::Ping { id: 1 }).await;
    assert_eq!(client.end().await, reason::EXPIRED);
    assert_eq!(client.recv().await, None);
    // One that does not even ask for a WebSocket.
    let mut client = Tcp::connect(world.ws()).await;
    crate::clients::soon("it is closed", client.closed()).await;
}

#[tokio::test]
async fn garbage_is_told_and_cut() {
    let world = world().await;
    let garbage: [&[u8]; 3] = [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        &[0xff; 64],
        // A kind of frames between apps.
        &[16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for bytes in garbage {
        let mut client = Tcp::connect(world.tcp()).await;
        client.send_bytes(bytes).await;
        let reason = client.end().await;
        assert!([reason::BAD_REQUEST, reason::TOO_LARGE].contains(&reason), "{reason}");
        assert_eq!(client.recv().await, None);
    }
    // Also by one who was welcome.
    let mut client = Tcp::login(world.tcp(), "bob").await;
    client.send_bytes(&[0; 20]).await;
    assert_eq!(client.end().await, reason::BAD_REQUEST);
}

#[tokio::test]
async fn garbage_on_a_websocket_port_is_cut() {
    let world = world().await;
    let mut client = Tcp::connect(world.ws()).await;
    client.send_bytes(&[0xff; 256]).await;
    // It reads HTTP, if anything, and then the end.
    crate::clients::soon("it is closed", client.closed()).await;
}

#[tokio::test]
async fn packets_that_only_a_gate_sends_end_the_connection() {
    let world = world().await;
    for packet in [Packet::Welcome(Welcome::default()), hello("again")] {
        let mut client = Tcp::login(world.tcp(), "bob").await;
        client.send(&packet).await;
        assert_eq!(client.end().await, reason::BAD_REQUEST, "{packet:?}");
    }
}

#[tokio::test]
async fn a_call_without_a_number_ends_the_connection() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    client.send(&call(0, FIND, &find("x"))).await;
    assert_eq!(client.end().await, reason::BAD_REQUEST);
}

#[tokio::test]
async fn a_packet_over_the_limit_is_told_and_cut() {
    let world = world_with(|config| config.set("gate.packet_max", 1000)).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    client.send(&call(1, FIND, &find(&"x".repeat(900)))).await;
    assert!(matches!(client.answer().await, Packet::Reply { id: 1, .. }));
    client.send(&call(2, FIND, &find(&"x".repeat(2000)))).await;
    assert_eq!(client.end().await, reason::TOO_LARGE);

    let mut client = Ws::login(world.ws(), "bob").await;
    client.say(&"x".repeat(2000)).await;
    let end = client.hear().await.unwrap();
    assert_eq!((&end["id"], &end["reason"]), (&0.into(), &reason::TOO_LARGE.number().into()));
    assert_eq!(client.hear().await, None);
}

#[tokio::test]
async fn a_connection_stays_binary_or_text_as_it_began() {
    let world = world().await;
    let mut client = Ws::login(world.ws(), "bob").await;
    client.send_packet(&Packet::Ping { id: 1 }).await;
    assert_eq!(client.hear().await.unwrap()["reason"], reason::BAD_REQUEST.number());
    assert_eq!(client.hear().await, None);
}

#[tokio::test]
async fn a_packet_in_pieces_is_a_packet() {
    let world = world().await;
    let mut client = Tcp::connect(world.tcp()).await;
    let mut bytes = bytes::BytesMut::new();
    hello("bob").put(&mut bytes, 1000).unwrap();
    for byte in &bytes {
        client.send_bytes(std::slice::from_ref(byte)).await;
        // Let it arrive on its own.
        world.app.cx().env().sleep(std::time::Duration::from_micros(200)).await;
    }
    assert!(matches!(client.recv().await, Some(Packet::Welcome(_))));
}

/// What the gate answers to a request for a WebSocket with these headers.
async fn upgrade(address: std::net::SocketAddr, headers: &str) -> String {
    let mut client = Tcp::connect(address).await;
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n";
    client.send_bytes(format!("{request}{headers}\r\n").as_bytes()).await;
    client.text_until("\r\n\r\n").await.to_ascii_lowercase()
}

#[tokio::test]
async fn a_request_for_a_websocket_is_checked_and_answered_as_http_says() {
    let world = world().await;
    let headers = |key: &str| format!("sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n");
    let good = headers("dGhlIHNhbXBsZSBub25jZQ==");
    let answer = upgrade(world.ws(), &good).await;
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(!answer.contains("sec-websocket-protocol"), "{answer}");
    let answer = upgrade(world.ws(), &good.replace("13", "8")).await;
    assert!(answer.starts_with("http/1.1 426"), "{answer}");
    assert!(answer.contains("sec-websocket-version: 13\r\n"), "{answer}");
    let malformed = [
        "",
        "x",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQA=",
        "dGhlIHNhbXBsZSBub25jZR==",
        "dGhlIHNhbXBs*SBub25jZQ==",
    ];
    for malformed in malformed {
        let answer = upgrade(world.ws(), &headers(malformed)).await;
        assert!(answer.starts_with("http/1.1 400"), "{malformed}: {answer}");
    }
    let answer = upgrade(world.ws(), &(good.clone() + &good)).await;
    assert!(answer.starts_with("http/1.1 400"), "two keys: {answer}");
    // Browsers that name protocols want one of them answered.
    let offers = format!("{good}sec-websocket-protocol: chat, guildhall\r\n");
    let answer = upgrade(world.ws(), &offers).await;
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(answer.contains("sec-websocket-protocol: chat\r\n"), "{answer}");
}
