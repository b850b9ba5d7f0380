//! What is too much: an error at once.

use std::time::Duration;

use guildhall_client::{Event, Lost, Options};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env};
use guildhall_wire::{Packet, PacketError};

use crate::fake_gate::{
    BOTH, Pair, SHOUT, Transport, event, options, pair_with, parts, push, reply, req, say, spawn,
    welcome,
};
use crate::memory_net::{MemoryNet, PIPE_MAX};

async fn limited(transport: Transport, options: Options) -> Pair {
    pair_with(&Env::real(), transport, options, welcome()).await
}

#[tokio::test]
async fn one_call_too_many_is_overloaded() {
    let mut pair = limited(Transport::Tcp, Options { pending_max: 2, ..options() }).await;
    let clients = [pair.client.clone(), pair.client.clone()];
    let waiting = clients.map(|client| spawn(async move { say(&client, "x").await }));
    pair.peer.call().await;
    pair.peer.call().await;
    let third = say(&pair.client, "x").await;
    assert_eq!(parts(&third), (Code::ResourceExhausted, reason::OVERLOADED, Effect::NotRun));
    pair.peer.send(&[reply(1, ""), reply(2, "")]).await;
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
    // The refused one took no number.
    let client = pair.client.clone();
    let _next = spawn(async move { say(&client, "x").await });
    assert_eq!(pair.peer.call().await.0, 3);
}

#[tokio::test]
async fn more_bytes_than_may_wait_are_overloaded() {
    for transport in BOTH {
        let mut pair = limited(transport, Options { queued_max: 1000, ..options() }).await;
        // Nothing is written before this task waits.
        pair.client.cast(SHOUT, req(&"x".repeat(1000))).unwrap();
        let second = pair.client.cast(SHOUT, req("x"));
        assert_eq!(parts(&second), (Code::ResourceExhausted, reason::OVERLOADED, Effect::NotRun));
        assert!(matches!(pair.peer.packet().await, Packet::Cast { .. }));
        pair.client.cast(SHOUT, req("x")).unwrap();
        assert!(matches!(pair.peer.packet().await, Packet::Cast { .. }));
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_not_sent() {
    let mut pair = limited(Transport::Tcp, Options { packet_max: 500, ..options() }).await;
    let large = say(&pair.client, &"x".repeat(500)).await;
    assert_eq!(parts(&large), (Code::ResourceExhausted, reason::TOO_LARGE, Effect::NotRun));
    let client = pair.client.clone();
    let _small = spawn(async move { say(&client, "x").await });
    assert_eq!(pair.peer.call().await, (1, 1, "x".into()));
}

#[tokio::test]
async fn a_packet_over_the_limit_ends_the_connection() {
    for transport in BOTH {
        let mut pair = limited(transport, Options { packet_max: 500, ..options() }).await;
        pair.peer.send(&[push(1, &"x".repeat(500))]).await;
        match event(&mut pair.events).await {
            Event::Lost(Lost::Packet(PacketError::TooLarge(_) | PacketError::Frame(_))) => {}
            other => panic!("got {other:?}"),
        }
        assert!(pair.peer.maybe_packet().await.is_none());
    }
}

#[tokio::test]
async fn what_the_socket_does_not_take_waits_and_loses_nothing() {
    for transport in BOTH {
        let packet = 1 << 20;
        let options = Options { packet_max: 2 * packet, queued_max: 32 * packet, ..options() };
        let mut pair = limited(transport, options).await;
        let text = "x".repeat(packet);
        for _ in 0..16 {
            pair.client.cast(SHOUT, req(&text)).unwrap();
        }
        for _ in 0..16 {
            let Packet::Cast { body: guildhall_wire::Body::Binary(body), .. } =
                pair.peer.packet().await
            else {
                panic!("no cast")
            };
            assert!(body.len() > packet, "a body of {} bytes", body.len());
        }
        // The connection still works both ways.
        pair.peer.send(&[Packet::Ping { id: 1 }]).await;
        assert_eq!(pair.peer.packet().await, Packet::Pong { id: 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_pings_and_does_not_read_piles_up_no_answers() {
    let (_net, env) = MemoryNet::world();
    let options = Options { queued_max: PIPE_MAX, ..options() };
    let mut pair = pair_with(&env, Transport::Tcp, options, welcome()).await;
    pair.client.cast(SHOUT, req(&"x".repeat(2 * PIPE_MAX))).unwrap();
    env.sleep(Duration::from_millis(1)).await;
    let pings: Vec<Packet> = (1..=100).map(|id| Packet::Ping { id }).collect();
    pair.peer.send(&pings).await;
    env.sleep(Duration::from_millis(1)).await;
    assert!(matches!(pair.peer.packet().await, Packet::Cast { .. }));
    pair.peer.send(&[Packet::Ping { id: 101 }]).await;
    assert_eq!(pair.peer.packet().await, Packet::Pong { id: 101 });
}
