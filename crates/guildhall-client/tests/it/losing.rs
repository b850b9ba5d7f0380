//! How a connection ends, and what its calls are told.

use bytes::Bytes;
use guildhall_client::{Event, Kick, Lost, Options};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env};
use guildhall_wire::{Body, ClientHello, Packet};

use crate::fake_gate::{
    BOTH, SHOUT, Transport, error, event, options, pair, pair_with, parts, reply, req, say, soon,
    spawn, welcome,
};

#[tokio::test]
async fn a_lost_connection_fails_the_calls_that_wait_at_once() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        let client = pair.client.clone();
        let waiting = spawn(async move { say(&client, "Ada").await });
        pair.peer.call().await;
        drop(pair.peer);
        let failed = waiting.await.unwrap();
        assert_eq!(parts(&failed), (Code::Unavailable, reason::LOST, Effect::MayHaveRun));
        assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
    }
}

#[tokio::test]
async fn a_call_that_was_not_handed_to_the_socket_has_not_run() {
    for transport in BOTH {
        let packet = 1 << 20;
        let options = Options { packet_max: 2 * packet, queued_max: 64 * packet, ..options() };
        let mut pair = pair_with(&Env::real(), transport, options, welcome()).await;
        let client = pair.client.clone();
        let handed = spawn(async move { say(&client, "first").await });
        pair.peer.call().await;
        // More than sockets hold, and the gate reads but the first of it.
        for _ in 0..32 {
            pair.client.cast(SHOUT, req(&"x".repeat(packet))).unwrap();
        }
        pair.peer.packet().await;
        let client = pair.client.clone();
        let queued = spawn(async move { say(&client, "second").await });
        tokio::task::yield_now().await;
        drop(pair.peer);
        let (handed, queued) = (handed.await.unwrap(), queued.await.unwrap());
        assert_eq!(parts(&handed), (Code::Unavailable, reason::LOST, Effect::MayHaveRun));
        assert_eq!(parts(&queued), (Code::Unavailable, reason::LOST, Effect::NotRun));
    }
}

#[tokio::test]
async fn while_there_is_no_connection_calls_fail_at_once() {
    let options = Options { backoff_min: std::time::Duration::from_secs(3600), ..options() };
    let mut pair = pair_with(&Env::real(), Transport::Tcp, options, welcome()).await;
    drop(pair.peer);
    assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
    let call = say(&pair.client, "x").await;
    assert_eq!(parts(&call), (Code::Unavailable, reason::LOST, Effect::NotRun));
    let cast = pair.client.cast(SHOUT, req("x"));
    assert_eq!(parts(&cast), (Code::Unavailable, reason::LOST, Effect::NotRun));
    // It does not wait for the pause to end either.
    soon("end", pair.client.close()).await;
    assert!(pair.events.next().await.is_none());
}

#[tokio::test]
async fn what_a_gate_must_not_send_ends_the_connection() {
    let body = || Body::Binary(Bytes::new());
    let method = guildhall_wire::packet::Method::Id(1);
    let faulty = [
        Packet::Hello(ClientHello::default()),
        Packet::Welcome(welcome()),
        Packet::Call { id: 1, method: method.clone(), body: body(), answered: 0, resent: false },
        Packet::Cast { method, body: body() },
        Packet::Ack { seq: 1 },
        // Nothing was called.
        reply(1, "what?"),
        reply(0, "what?"),
        error(9, Code::Internal, 0, "what?", Effect::Ran),
    ];
    for (packet, transport) in faulty.into_iter().zip(BOTH.into_iter().cycle()) {
        let mut pair = pair(transport).await;
        let kind = packet.kind();
        pair.peer.send(&[packet]).await;
        match event(&mut pair.events).await {
            Event::Lost(Lost::Unexpected(found)) => assert_eq!(found, kind),
            other => panic!("{kind:?}: got {other:?}"),
        }
        assert!(pair.peer.maybe_packet().await.is_none());
    }
}

#[tokio::test]
async fn what_is_no_packet_ends_the_connection() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        pair.peer.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        match event(&mut pair.events).await {
            Event::Lost(Lost::Packet(_)) => {}
            other => panic!("got {other:?}"),
        }
        assert!(pair.peer.maybe_packet().await.is_none());
    }
}

#[tokio::test]
async fn an_error_without_a_number_is_about_the_connection() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        let slow = error(0, Code::ResourceExhausted, reason::LIMITED, "too fast", Effect::NotRun);
        pair.peer.send(&[slow]).await;
        match event(&mut pair.events).await {
            Event::Lost(Lost::Ended(status)) => assert_eq!(status.message(), "too fast"),
            other => panic!("got {other:?}"),
        }
        assert!(pair.peer.maybe_packet().await.is_none());
    }
}

#[tokio::test]
async fn a_kicked_client_does_not_come_back() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        let client = pair.client.clone();
        let waiting = spawn(async move { say(&client, "Ada").await });
        pair.peer.call().await;
        let kick = Kick { reason: reason::KICKED, message: "logged in elsewhere".into() };
        pair.peer.send(&[Packet::Kick(kick.clone())]).await;
        match event(&mut pair.events).await {
            Event::Kicked(got) => assert_eq!(got, kick),
            other => panic!("got {other:?}"),
        }
        assert!(soon("end", pair.events.next()).await.is_none());
        let failed = waiting.await.unwrap();
        assert_eq!(parts(&failed), (Code::Aborted, reason::KICKED, Effect::MayHaveRun));
        let failed = say(&pair.client, "Ada").await;
        assert_eq!(parts(&failed), (Code::Aborted, reason::KICKED, Effect::NotRun));
    }
}

#[tokio::test]
async fn a_kick_is_heard_also_by_a_client_that_writes() {
    let mut pair = pair(Transport::Tcp).await;
    pair.peer.send(&[Packet::Kick(Kick::default())]).await;
    drop(pair.peer);
    // The write meets a closed socket, perhaps before the read.
    let _lost = pair.client.cast(SHOUT, req("x"));
    assert!(matches!(event(&mut pair.events).await, Event::Kicked(_)));
}

#[tokio::test]
async fn a_killed_world_fails_the_calls_of_its_client() {
    let env = Env::real();
    let mut pair = pair_with(&env, Transport::Tcp, options(), welcome()).await;
    let client = pair.client.clone();
    let waiting = spawn(async move { say(&client, "Ada").await });
    pair.peer.call().await;
    env.kill();
    let failed = waiting.await.unwrap();
    assert_eq!(parts(&failed), (Code::Cancelled, reason::CANCELLED, Effect::MayHaveRun));
    assert!(soon("end", pair.events.next()).await.is_none());
    soon("end", pair.client.close()).await;
}
