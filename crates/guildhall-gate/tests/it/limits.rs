//! Limits, each with its reason.

use std::io::Write as _;

use bytes::Bytes;
use guildhall::status::reason;
use guildhall::{Effect, Reason};
use guildhall_core::config::ConfigBuilder;
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
            Packet::Error { reason, effect, .. } if reason == reason::LIMITED.number() => {
                assert_eq!(effect, Effect::NotRun as u8);
                limited += 1;
            }
            Packet::Reply { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((4..=7).contains(&limited), "{limited} of 10 were refused");
}

/// Sends the same again and again until the gate has cut the connection; the reason, and how many packets came before it.
async fn flood(client: &mut Tcp, packet: impl Fn(u64) -> Packet) -> (Reason, usize) {
    for n in 1..=2_000 {
        client.send(&packet(n)).await;
    }
    let mut answers = 0;
    loop {
        match client.recv().await {
            Some(Packet::Error { id: 0, reason, .. }) => return (Reason::new(reason), answers),
            Some(_) => answers += 1,
            None => panic!("closed without a reason"),
        }
    }
}

/// A packet with a number.
type Numbered = fn(u64) -> Packet;

fn strict(config: ConfigBuilder) -> ConfigBuilder {
    let config = config.set("gate.calls_per_s", 100).set("gate.call_burst", 10);
    config.set("gate.limited_max", 20).set("gate.close_ms", 15_000)
}

#[tokio::test]
async fn who_goes_on_over_its_rate_is_slowed_down_and_then_cut_with_the_reason() {
    let world = world_with(strict).await;
    let floods: [(&str, Numbered); 5] = [
        ("calls", |id| call(id, FIND, &find("x"))),
        ("casts", |_| cast("/room.Directory/Nothing", &find("x"))),
        ("pings", |id| Packet::Ping { id }),
        ("acks of nothing", |seq| Packet::Ack { seq }),
        ("pongs that nobody asked for", |id| Packet::Pong { id: id + 1_000 }),
    ];
    for (what, packet) in floods {
        let env = guildhall::Env::real();
        let mut client = Tcp::login(world.tcp(), "bob").await;
        let begun = env.now();
        let (reason, answers) = flood(&mut client, packet).await;
        assert_eq!(reason, reason::LIMITED, "{what}");
        // Ten at once, a hundred a second, and an answer for each that was refused.
        let ms = (env.now() - begun).as_millis();
        let most = 40 + ms / 5;
        assert!(answers as u128 <= most, "{what}: {answers} answers in {ms} ms, {most} at most");
    }
}

#[tokio::test]
async fn pings_of_a_websocket_count_as_packets() {
    let world = world_with(strict).await;
    let mut client = Ws::login(world.ws(), "bob").await;
    for _ in 1..=500 {
        client.send(tungstenite::Message::Ping(Bytes::from_static(b"x"))).await;
    }
    assert_eq!(u32::from(client.close_code().await), 4000 + reason::LIMITED.number());
}

#[tokio::test]
async fn who_is_over_its_rate_for_a_moment_stays() {
    let world = world_with(strict).await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    for id in 1..=30 {
        client.send(&call(id, FIND, &find("x"))).await;
    }
    let mut limited = 0;
    for _ in 1..=30 {
        match client.answer().await {
            Packet::Error { id: 1.., reason, .. } if reason == reason::LIMITED.number() => {
                limited += 1
            }
            Packet::Reply { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(limited > 0, "all of 30 passed");
    guildhall::Env::real().sleep(std::time::Duration::from_millis(200)).await;
    client.call::<_, FindRsp>(31, FIND, &find("x")).await.unwrap();
}

#[tokio::test]
async fn who_says_other_things_before_hello_is_cut() {
    let world = world_with(strict).await;
    let mut client = Tcp::connect(world.tcp()).await;
    let (reason, answers) = flood(&mut client, |id| Packet::Ping { id }).await;
    assert_eq!((reason, answers), (reason::BAD_REQUEST, 0));
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_is_cut_though_little_waits() {
    let world = world_with(|config| {
        let config = config.set("gate.queued_ms", 300).set("gate.heartbeat_ms", 100);
        let config = config.set("gate.queued_max", 64 << 20).set("gate.call_burst", 1_000);
        config.set("gate.close_ms", 15_000)
    })
    .await;
    let stats = world.gate.stats();
    until("the scout goes", || stats.connections.get() == 0).await;
    let before = stats.cut.get();
    let mut client = Tcp::login(world.tcp(), "bob").await;
    // 300 KB each: what the sockets' buffers do not take waits, and is far below `queued_max`.
    for id in 1..=30 {
        client.send(&call(id, FIND, &find("big"))).await;
    }
    until("the slow client is cut", || stats.cut.get() > before).await;
    assert_eq!(client.end().await, reason::OVERLOADED);
}

#[tokio::test]
async fn clients_that_do_not_read_are_cut_when_too_much_waits_for_all_of_them() {
    let world = world_with(|config| {
        let config = config.set("gate.queued_total_max", 8 << 20).set("gate.call_burst", 1_000);
        config.set("gate.queued_max", 64 << 20).set("gate.close_ms", 15_000)
    })
    .await;
    let stats = world.gate.stats();
    until("the scout goes", || stats.connections.get() == 0).await;
    let before = stats.cut.get();
    let mut slow = Vec::new();
    for n in 0..4 {
        let mut client = Tcp::login(world.tcp(), &format!("slow {n}")).await;
        for id in 1..=30 {
            client.send(&call(id, FIND, &find("big"))).await;
        }
        slow.push(client);
    }
    until("somebody slow is cut", || stats.cut.get() > before).await;
    let mut ends = 0;
    for client in &mut slow {
        // Those that stay have nothing more to say.
        let env = guildhall::Env::real();
        let end = env.until(env.now() + std::time::Duration::from_secs(3), client.end());
        ends += usize::from(end.await == Some(reason::OVERLOADED));
    }
    assert!(ends > 0, "nobody was told why");
    // Who reads is not.
    let mut client = Tcp::login(world.tcp(), "bob").await;
    for id in 1..=5 {
        client.call::<_, FindRsp>(id, FIND, &find("big")).await.unwrap();
    }
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
        told.push(answer.map_or_else(|refused| refused.reason, |_| reason::NONE));
    }
    assert_eq!(
        told,
        [reason::NONE, reason::NONE, reason::LIMITED, reason::LIMITED, reason::LIMITED]
    );
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
            Some(Packet::Error { id: 0, reason, .. }) if reason == reason::OVERLOADED.number() => {
                break;
            }
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
