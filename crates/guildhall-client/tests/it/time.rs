//! Facts about time, on a network in memory with a clock that does not wait.

use std::time::Duration;

use guildhall_client::{Client, ConnectError, Event, Lost, Options};
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect};
use guildhall_wire::{Packet, Welcome};
use proto::hello::GreeterClient;

use crate::fake_gate::{
    BOTH, BRIEF, Gate, SHOUT, Transport, event, options, pair_with, parts, reply, req, say, spawn,
    welcome,
};
use crate::memory_net::MemoryNet;

const BEAT: Duration = Duration::from_millis(1000);

fn with_beat() -> Welcome {
    Welcome { heartbeat_ms: 1000, ..welcome() }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_nothing_to_say_pings() {
    for transport in BOTH {
        let (_net, env) = MemoryNet::world();
        let mut pair = pair_with(&env, transport, options(), with_beat()).await;
        let begun = env.now();
        for n in 1..=10 {
            assert_eq!(pair.peer.packet().await, Packet::Ping { id: n });
            pair.peer.send(&[Packet::Pong { id: n }]).await;
        }
        // Answered, it stays for longer than it would wait for a silent gate.
        let took = env.now() - begun;
        assert!(took >= BEAT * 5 && took < BEAT * 6, "ten pings took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_speaks_does_not_ping() {
    let (_net, env) = MemoryNet::world();
    let mut pair = pair_with(&env, Transport::Tcp, options(), with_beat()).await;
    for _ in 0..10 {
        env.sleep(BEAT * 2 / 5).await;
        pair.client.cast(SHOUT, req("x")).unwrap();
        assert!(matches!(pair.peer.packet().await, Packet::Cast { .. }));
        pair.peer.send(&[Packet::Pong { id: 0 }]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_gate_is_lost_after_two_heartbeats() {
    for transport in BOTH {
        let (_net, env) = MemoryNet::world();
        let mut pair = pair_with(&env, transport, options(), with_beat()).await;
        let begun = env.now();
        match event(&mut pair.events).await {
            Event::Lost(Lost::Silent(silence)) => assert_eq!(silence, BEAT * 2),
            other => panic!("got {other:?}"),
        }
        let took = env.now() - begun;
        assert!(took >= BEAT * 2 && took < BEAT * 3, "it took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_wants_no_heartbeats_gets_none() {
    let (_net, env) = MemoryNet::world();
    let quiet = Welcome { heartbeat_ms: 0, ..welcome() };
    let mut pair = pair_with(&env, Transport::Tcp, options(), quiet).await;
    env.sleep(Duration::from_secs(3600)).await;
    pair.client.cast(SHOUT, req("x")).unwrap();
    assert!(matches!(pair.peer.packet().await, Packet::Cast { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_late_call_expires_and_gives_its_place_back() {
    let (_net, env) = MemoryNet::world();
    let timeout = Duration::from_secs(3);
    let options = Options { timeout, pending_max: 1, ..options() };
    let mut pair = pair_with(&env, Transport::Tcp, options, welcome()).await;
    let begun = env.now();
    let late = say(&pair.client, "x").await;
    assert_eq!(parts(&late), (Code::DeadlineExceeded, reason::EXPIRED, Effect::MayHaveRun));
    assert_eq!((env.now() - begun).as_secs(), 3);
    pair.peer.call().await;
    let gate = async {
        assert_eq!(pair.peer.call().await, (2, 2, "y".into()));
        pair.peer.send(&[reply(1, "too late"), reply(2, "in time")]).await;
    };
    let (said, ()) = tokio::join!(say(&pair.client, "y"), gate);
    assert_eq!(said.unwrap(), "in time");
}

#[tokio::test(start_paused = true)]
async fn callers_and_methods_have_time_limits_of_their_own() {
    let (_net, env) = MemoryNet::world();
    let pair = pair_with(&env, Transport::Tcp, options(), welcome()).await;
    let begun = env.now();
    let late = pair.client.call(BRIEF, req("x")).await;
    assert_eq!(parts(&late), (Code::DeadlineExceeded, reason::EXPIRED, Effect::MayHaveRun));
    assert_eq!((env.now() - begun).as_millis() / 10, 50);
    let begun = env.now();
    let limit = Duration::from_millis(20);
    let late = pair.client.call_within(limit, GreeterClient::SAY, req("x")).await;
    assert_eq!(parts(&late), (Code::DeadlineExceeded, reason::EXPIRED, Effect::MayHaveRun));
    assert_eq!((env.now() - begun).as_millis() / 10, 2);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_does_not_answer_hello_is_given_up_in_time() {
    for transport in BOTH {
        let (_net, env) = MemoryNet::world();
        let gate = Gate::listen(&env, transport).await;
        let connect_timeout = Duration::from_secs(4);
        let options = Options { connect_timeout, ..options() };
        let address = gate.address();
        // The connection is made, and nobody is there to answer.
        match Client::connect(&env, &address, "token", options).await {
            Err(ConnectError::TimedOut(time)) => assert_eq!(time, connect_timeout),
            other => panic!("got {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_spaced_and_then_the_client_gives_up() {
    let (net, env) = MemoryNet::world();
    let options = Options {
        attempts_max: 5,
        backoff_min: Duration::from_secs(1),
        backoff_max: Duration::from_secs(4),
        ..Options::default()
    };
    let mut pair = pair_with(&env, Transport::Tcp, options, welcome()).await;
    let begun = env.now();
    pair.peer.hang_up();
    drop(pair.gate);
    assert!(matches!(event(&mut pair.events).await, Event::Lost(_)));
    let gave_up = pair.events.next().await;
    assert!(matches!(gave_up, Some(Event::GaveUp(ConnectError::Unreachable(_)))), "{gave_up:?}");
    assert_eq!(net.dialled(), 1 + 5);
    // Pauses of 1, 2, 4, 4 and 4 s; of each a random part of its second half is left out.
    let (took, all) = (env.now() - begun, Duration::from_secs(15));
    assert!(took > all / 2 && took < all, "it took {took:?}");
    assert!(pair.events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_together_is_written_together() {
    for transport in BOTH {
        let (net, env) = MemoryNet::world();
        let mut pair = pair_with(&env, transport, options(), welcome()).await;
        let before = net.writes();
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let client = pair.client.clone();
                spawn(async move { say(&client, "x").await })
            })
            .collect();
        for id in 1..=20 {
            assert_eq!(pair.peer.call().await.0, id);
        }
        assert_eq!(net.writes() - before, 1, "writes for 20 calls over {transport:?}");
        pair.peer.send(&(1..=20).map(|id| reply(id, "")).collect::<Vec<_>>()).await;
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }
}
