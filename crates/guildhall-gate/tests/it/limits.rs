//! Limits, each with its reason.

use std::io::Write as _;

use guildhall::Effect;
use guildhall::status::reason;
use guildhall_wire::{Body, Packet};
use proto::room::FindRsp;

use crate::clients::{Tcp, Ws, call, cast, soon};
use crate::world::{FIND, NOTE, find, until, world_with};

#[tokio::test]
async fn calls_over_the_rate_are_refused_and_the_connection_stays() {
    let world = world_with(|c| c.set("gate.calls_per_s", 1).set("gate.call_burst", 3)).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    for id in 1..=10 {
        client.send(&call(id, FIND, &find("x"))).await;
    }
    let mut limited = 0;
    for _ in 1..=10 {
        match client.answer().await {
            Packet::Error { reason: reason::LIMITED, effect, .. } => {
                assert_eq!(effect, Effect::NotRun as u8);
                limited += 1;
            }
            Packet::Reply { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((4..=7).contains(&limited), "{limited} of 10 were refused");
}

#[tokio::test]
async fn a_method_can_have_a_rate_of_its_own() {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(b"[gate.rates]\n\"room.Directory/Find\" = 1\n").unwrap();
    // The scout has its own connection, and so its own rate.
    let world = world_with(|config| config.file(file.path())).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    for id in 1..=5 {
        client.send(&call(id, FIND, &find("x"))).await;
    }
    let mut replies = 0;
    for _ in 1..=5 {
        replies += usize::from(matches!(client.answer().await, Packet::Reply { .. }));
    }
    assert!((1..=2).contains(&replies), "{replies} of 5 passed");
    let refused = client.call::<_, FindRsp>(6, "/room.Room/Say", &find("")).await.unwrap_err();
    assert_ne!(refused.reason, reason::LIMITED);
}

/// The test mode of the frameworks before: five calls back to back, of which two may pass.
#[tokio::test]
async fn what_the_app_limits_is_told_and_the_connection_stays() {
    // One is the scout's.
    let limit = "limits.room.Directory/Find.rates=[{ calls = 3, per_ms = 600000 }]";
    let world = world_with(|config| config.flag(limit)).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let mut told = Vec::new();
    for id in 1..=5 {
        let answer = client.call::<_, FindRsp>(id, FIND, &find("x")).await;
        told.push(answer.map_or_else(|refused| refused.reason, |_| 0));
    }
    assert_eq!(told, [0, 0, reason::LIMITED, reason::LIMITED, reason::LIMITED]);
    let other = client.call::<_, FindRsp>(6, "/room.Room/Say", &find("")).await.unwrap_err();
    assert_ne!(other.reason, reason::LIMITED);
}

#[tokio::test]
async fn a_silent_client_is_asked_and_then_cut() {
    let world = world_with(|c| c.set("gate.heartbeat_ms", 100).set("gate.idle_ms", 600)).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    assert!(matches!(client.recv().await, Some(Packet::Ping { id: 1 })));
    assert_eq!(client.end().await, reason::EXPIRED);
    assert_eq!(client.recv().await, None);
}

#[tokio::test]
async fn a_client_that_answers_stays() {
    let world = world_with(|c| c.set("gate.heartbeat_ms", 50).set("gate.idle_ms", 2_000)).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let env = guildhall::Env::real();
    let end = env.now() + std::time::Duration::from_millis(3_000);
    while env.now() < end {
        match client.recv().await {
            Some(Packet::Ping { id }) => client.send(&Packet::Pong { id }).await,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_ping_is_answered() {
    let world = world_with(|config| config).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    client.send(&Packet::Ack { seq: 3 }).await;
    client.send(&Packet::Ping { id: 77 }).await;
    assert_eq!(client.recv().await, Some(Packet::Pong { id: 77 }));
}

#[tokio::test]
async fn a_slow_client_is_cut() {
    let mut world = world_with(|config| {
        config
            .set("gate.queued_max", 400_000)
            .set("gate.close_ms", 15_000)
            .set("gate.call_burst", 1000)
    })
    .await;
    let stats = world.gate.stats();
    // The scout has gone; whoever is cut from here on is the slow one.
    until("the scout goes", || stats.connections.get() == 0).await;
    let before = stats.cut.get();
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let mut id = 0;
    // Replies of 300 KB fill the sockets' buffers, which take some megabytes, and then the queue.
    soon("the slow client is cut", async {
        while stats.cut.get() == before {
            id += 1;
            client.send(&call(id, FIND, &find("big"))).await;
            client.send(&cast(NOTE, &find("sent"))).await;
            let env = guildhall::Env::real();
            let _noted = env
                .until(env.now() + std::time::Duration::from_millis(50), world.events.recv())
                .await;
        }
    })
    .await;
    // Once it reads, it gets whole replies, and why they end.
    let mut replies = 0;
    loop {
        match client.recv().await {
            Some(Packet::Reply { body: Body::Binary(body), .. }) => {
                assert!(body.len() > 300_000);
                replies += 1;
            }
            Some(Packet::Error { id: 0, reason: reason::OVERLOADED, .. }) => break,
            other => panic!("{other:?} after {replies} replies"),
        }
    }
    assert!(replies > 0);
    drop(client);
    until("its place is free", || stats.connections.get() == 0).await;
}

#[tokio::test]
async fn connections_over_the_limits_are_refused_and_told() {
    for limit in ["gate.connections_max", "gate.connections_per_address"] {
        let world = world_with(|config| config.set(limit, 2)).await;
        let stats = world.gate.stats();
        until("the scout goes", || stats.connections.get() == 0).await;
        let first = Tcp::login(world.tcp(), "a").await;
        let _second = Tcp::login(world.tcp(), "b").await;
        let mut third = Tcp::connect(world.tcp()).await;
        assert_eq!(third.end().await, reason::LIMITED);
        assert_eq!(third.recv().await, None);
        assert_eq!(Ws::open(world.ws(), "/", None).await.err(), Some(503));
        drop(first);
        until("a place is free", || stats.connections.get() == 1).await;
        Tcp::login(world.tcp(), "c").await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_one_task() {
    let world = world_with(|config| config).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let stats = world.gate.stats();
    until("the scout goes", || stats.connections.get() == 0).await;
    // The first session makes what sessions share.
    let mut clients = vec![Tcp::login(world.tcp(), "first").await];
    let before = tasks();
    for n in 1..=20 {
        clients.push(Tcp::login(world.tcp(), &n.to_string()).await);
    }
    until("20 connections are 20 tasks", || tasks() == before + 20).await;
}
