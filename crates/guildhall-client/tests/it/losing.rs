//! How a connection ends, and what its calls are told.

use std::time::Duration;

use bytes::Bytes;
use guildhall_client::{Event, Kick, Lost, Options};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env};
use guildhall_wire::{Body, ClientHello, Packet};

use crate::fake_gate::{
    BOTH, SHOUT, Transport, error, event, name, options, pair, pair_with, parts, reply, req, say,
    soon, spawn, welcome,
};
use crate::memory_net::{MemoryNet, PIPE_MAX};

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
async fn a_call_that_a_gate_has_not_answered_when_it_goes_away_has_not_run() {
    for transport in BOTH {
        let mut pair = pair(transport).await;
        let client = pair.client.clone();
        let waiting = spawn(async move { say(&client, "Ada").await });
        pair.peer.call().await;
        let going = error(0, Code::Unavailable, reason::GOING_AWAY, "bye", Effect::NotRun);
        pair.peer.send(&[going]).await;
        let failed = waiting.await.unwrap();
        assert_eq!(parts(&failed), (Code::Unavailable, reason::LOST, Effect::NotRun));
        assert!(matches!(event(&mut pair.events).await, Event::Lost(Lost::Ended(_))));
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
    let options = Options { backoff_min: Duration::from_secs(3600), ..options() };
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
        Packet::Call {
            id: 1,
            method: method.clone(),
            body: body(),
            answered: 0,
            resent: false,
            traceparent: String::new(),
            timeout_ms: 0,
        },
        Packet::Cast { method, body: body() },
        Packet::Ack { seq: 1 },
        // Nothing was called.
        reply(1, "what?"),
        reply(0, "what?"),
        error(9, Code::Internal, reason::NONE, "what?", Effect::Ran),
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
        let kick = Kick { reason: reason::KICKED.number(), message: "logged in elsewhere".into() };
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

#[tokio::test(start_paused = true)]
async fn a_kick_is_heard_also_when_a_write_fails_first() {
    let (_net, env) = MemoryNet::world();
    let mut pair = pair_with(&env, Transport::Tcp, options(), welcome()).await;
    env.sleep(Duration::from_millis(1)).await;
    pair.client.cast(SHOUT, req("x")).unwrap();
    // The driver is about to write when the gate kicks and closes.
    tokio::task::yield_now().await;
    pair.peer.send(&[Packet::Kick(Kick::default())]).await;
    pair.peer.hang_up();
    assert!(matches!(event(&mut pair.events).await, Event::Kicked(_)));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_not_sent_on_the_next_connection() {
    for transport in BOTH {
        let (_net, env) = MemoryNet::world();
        let options = Options { queued_max: 2 * PIPE_MAX, ..options() };
        let mut pair = pair_with(&env, transport, options, welcome()).await;
        pair.client.cast(SHOUT, req(&"x".repeat(2 * PIPE_MAX))).unwrap();
        // The driver writes what the socket takes of it.
        env.sleep(Duration::from_millis(1)).await;
        pair.client.cast(SHOUT, req(&"y".repeat(2 * PIPE_MAX))).unwrap();
        let full = pair.client.cast(SHOUT, req("z"));
        assert_eq!(parts(&full), (Code::ResourceExhausted, reason::OVERLOADED, Effect::NotRun));
        pair.peer.hang_up();
        let (mut peer, _) = pair.gate.let_in(welcome()).await;
        assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
        assert!(matches!(event(&mut pair.events).await, Event::Back { .. }));
        // Nothing is left of the old queue, neither its bytes nor its length.
        pair.client.cast(SHOUT, req("new")).unwrap();
        match peer.packet().await {
            Packet::Cast { body, .. } => assert_eq!(name(&body), "new"),
            other => panic!("got {other:?}"),
        }
    }
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
