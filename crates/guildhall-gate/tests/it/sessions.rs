//! Sessions: which login counts, on one gate and on two.

use std::sync::Arc;

use guildhall::Env;
use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::status::reason;
use guildhall_core::KeyText;
use guildhall_runtime::proto::{GateClient, OpenReq, PushReq, SessionClient, SessionReq};
use guildhall_runtime::raw::{self, RawBody};
use guildhall_wire::{Body, ClientHello, Generation, Kick, Packet, method_id};
use prost::Message as _;
use proto::room::{FindRsp, SaidMsg};

use crate::clients::{Refused, Tcp, soon};
use crate::world::{FIND, World, edge, find, home, until, world};

const SAID: &str = "/room.RoomEvents/Said";

async fn works(client: &mut Tcp, id: u64) {
    let found: Result<FindRsp, Refused> = client.call(id, FIND, &find("here")).await;
    assert_eq!(found.unwrap().app, "here");
}

async fn kicked(client: &mut Tcp) {
    match client.answer().await {
        Packet::Kick(Kick { reason, .. }) if reason == reason::KICKED.number() => {
            assert_eq!(client.recv().await, None)
        }
        other => panic!("no KICK but {other:?}"),
    }
}

fn said(text: &str) -> bytes::Bytes {
    SaidMsg { text: text.into(), ..SaidMsg::default() }.encode_to_vec().into()
}

async fn push(world: &World, player: &str, text: &str) {
    let (player, cx) = (player.to_owned(), world.app.cx());
    let push = PushReq { player, method: method_id(SAID), body: said(text), ..PushReq::default() };
    SessionClient::new(&cx).push(push).await.unwrap();
}

fn pushed(packet: &Packet) -> (u64, String) {
    match packet {
        Packet::Push { seq, body: Body::Binary(body), method } => {
            assert_eq!(method.id(), method_id(SAID));
            (*seq, SaidMsg::decode(body.clone()).unwrap().text)
        }
        other => panic!("no PUSH but {other:?}"),
    }
}

#[tokio::test]
async fn the_second_login_kicks_the_first() {
    let world = world().await;
    let mut first = Tcp::login(world.tcp(), "bob").await;
    works(&mut first, 1).await;
    let mut second = Tcp::login(world.tcp(), "bob").await;
    kicked(&mut first).await;
    works(&mut second, 1).await;
    // The late goodbye of the first takes nothing from the second.
    push(&world, "bob", "still there?").await;
    assert_eq!(pushed(&second.answer().await), (1, "still there?".into()));
}

#[tokio::test]
async fn the_second_login_kicks_the_first_on_another_gate() {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let world = home("dev.w1.home.1", &discovery, |config| config).await;
    let (gate, _app) = edge("dev.w1.gate.2", &discovery).await;
    let far = gate.tcp_addr().unwrap();
    let mut second = soon("the other gate has a route", login_retry(far, "bob")).await;
    crate::world::learnt(far).await;
    let mut first = second;
    works(&mut first, 1).await;
    second = Tcp::login(world.tcp(), "bob").await;
    kicked(&mut first).await;
    works(&mut second, 1).await;
    let mut third = Tcp::login(far, "bob").await;
    kicked(&mut second).await;
    push(&world, "bob", "over there").await;
    assert_eq!(pushed(&third.answer().await), (1, "over there".into()));
}

async fn login_retry(address: std::net::SocketAddr, player: &str) -> Tcp {
    loop {
        let mut client = Tcp::connect(address).await;
        client.send(&crate::clients::hello(player)).await;
        if let Some(Packet::Welcome(_)) = client.recv().await {
            return client;
        }
        Env::real().sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn many_logins_at_once_leave_one() {
    let world = world().await;
    let logins = (0..8).map(|_| async {
        let mut client = Tcp::connect(world.tcp()).await;
        client.send(&crate::clients::hello("bob")).await;
        // One that is kicked at once may not be welcomed first.
        let first = client.recv().await;
        assert!(matches!(first, Some(Packet::Welcome(_) | Packet::Kick(_))), "{first:?}");
        (client, first)
    });
    let clients = futures_util::future::join_all(logins).await;
    let stats = world.gate.stats();
    // Those that were kicked linger until they have closed.
    until("one is left", || stats.cut.get() >= 7).await;
    let mut alive = 0;
    push(&world, "bob", "who is it?").await;
    for (mut client, mut last) in clients {
        while let Some(packet) = client.recv().await {
            let push = matches!(packet, Packet::Push { .. });
            last = Some(packet);
            if push {
                alive += 1;
                break;
            }
        }
        assert!(matches!(last, Some(Packet::Push { .. } | Packet::Kick(_))), "{last:?}");
    }
    assert_eq!(alive, 1);
}

#[tokio::test]
async fn pushes_are_numbered_and_come_in_order() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    for n in 1..=50 {
        push(&world, "bob", &n.to_string()).await;
    }
    for n in 1..=50 {
        assert_eq!(pushed(&client.answer().await), (n, n.to_string()));
    }
}

#[tokio::test]
async fn who_asks_for_pushes_that_are_gone_is_told_to_load_its_state_again() {
    let world = world().await;
    let mut client = Tcp::connect(world.tcp()).await;
    let again = ClientHello { token: "bob".into(), last_push: 3, ..ClientHello::default() };
    client.send(&Packet::Hello(again)).await;
    assert!(matches!(client.recv().await, Some(Packet::Welcome(welcome)) if !welcome.resumed));
    push(&world, "bob", "first").await;
    assert!(matches!(client.answer().await, Packet::Reset(_)), "before anything else");
    assert_eq!(pushed(&client.answer().await), (1, "first".into()));
}

#[tokio::test]
async fn a_push_for_an_earlier_generation_is_dropped() {
    let world = world().await;
    let mut client = Tcp::login(world.tcp(), "bob").await;
    let cx = world.app.cx();
    let dropped = world.gate.stats().dropped.get();
    let deliver = guildhall_runtime::proto::DeliverReq {
        player: "bob".into(),
        generation: 1,
        seq: 9,
        method: method_id(SAID),
        body: said("old"),
        ..Default::default()
    };
    GateClient::new(&cx).at(cx.app_id()).deliver(deliver).await.unwrap();
    push(&world, "bob", "new").await;
    assert_eq!(pushed(&client.answer().await), (1, "new".into()));
    assert_eq!(world.gate.stats().dropped.get(), dropped + 1);
}

#[tokio::test]
async fn a_late_close_of_an_earlier_login_changes_nothing() {
    let world = world().await;
    let cx = world.app.cx();
    let open = |session: &str| OpenReq {
        player: "bob".into(),
        session: session.into(),
        gate: cx.app_id().to_string(),
        ..OpenReq::default()
    };
    let sessions = SessionClient::new(&cx);
    sessions.open(open("one")).await.unwrap();
    let mut client = Tcp::login(world.tcp(), "bob").await;
    for session in ["one", "", "another"] {
        let (player, session) = ("bob".to_owned(), session.to_owned());
        sessions.close(SessionReq { player, session, ..SessionReq::default() }).await.unwrap();
    }
    push(&world, "bob", "hello").await;
    assert_eq!(pushed(&client.answer().await), (1, "hello".into()));
}

#[tokio::test]
async fn a_session_ends_with_its_connection() {
    let world = world().await;
    let client = Tcp::login(world.tcp(), "bob").await;
    drop(client);
    let cx = world.app.cx();
    // Closing what another session has opened does nothing, and says whether somebody is there.
    let other = SessionReq { player: "bob".into(), ..SessionReq::default() }.encode_to_vec();
    soon("the session is gone", async {
        let close = || {
            let (method, key) = (SessionClient::CLOSE.desc, KeyText::Text("bob"));
            raw::call(&cx, method, key, RawBody::new(&other))
        };
        while close().await.is_ok() {
            cx.env().sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_whose_owner_is_gone_goes_on_at_the_next_after_a_reset() {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let first = home("dev.w1.home.1", &discovery, |config| config).await;
    let second = home("dev.w1.home.2", &discovery, |config| config).await;
    let (gate, app) = edge("dev.w1.gate.1", &discovery).await;
    let linked = || app.cx().nodes().len() == 3 && second.app.cx().nodes().len() == 3;
    until("all are linked", linked).await;
    let players: Vec<String> = (1..=12).map(|n| format!("player {n}")).collect();
    let mut clients = Vec::new();
    for player in &players {
        let mut client = login_retry(gate.tcp_addr().unwrap(), player).await;
        push(&second, player, "one").await;
        assert_eq!(pushed(&client.answer().await), (1, "one".into()));
        clients.push(client);
    }
    first.app.shutdown().await;
    let mut resets = 0;
    for (player, client) in players.iter().zip(&mut clients) {
        // Until the session is known to its new owner, pushes are lost.
        let pushing = async {
            loop {
                push(&second, player, "two").await;
                Env::real().sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let packet = tokio::select! {
            packet = client.answer() => packet,
            () = soon("pushes go on", pushing) => unreachable!("it never ends"),
        };
        let (reset, packet) = match packet {
            Packet::Reset(_) => (true, client.answer().await),
            packet => (false, packet),
        };
        resets += usize::from(reset);
        assert_eq!(pushed(&packet), (if reset { 1 } else { 2 }, "two".into()));
    }
    // Both apps had some of twelve.
    assert!((1..12).contains(&resets), "{resets} sessions moved");
}

#[tokio::test]
async fn generations_grow_over_the_lives_of_a_session() {
    let world = world().await;
    let cx = world.app.cx();
    let sessions = SessionClient::new(&cx);
    let mut last = Generation::default();
    for n in 0..20 {
        let (player, session) = ("eve".to_owned(), n.to_string());
        let gate = cx.app_id().to_string();
        let (opened, closed) = (player.clone(), session.clone());
        let open = OpenReq { player: opened, session: closed, gate, ..OpenReq::default() };
        let rsp = sessions.open(open).await.unwrap();
        let generation = Generation { epoch: rsp.epoch, number: rsp.generation };
        assert!(generation > last, "{generation:?} after {last:?}");
        last = generation;
        let close = SessionReq { player, session, ..SessionReq::default() };
        sessions.close(close).await.unwrap();
    }
}

/// Gauges of the app, and its tasks.
fn size(world: &World) -> (usize, Vec<String>) {
    let text = world.app.cx().metrics().text();
    let actors = text.lines().filter(|line| line.starts_with("guildhall_actors"));
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    (tasks, actors.map(str::to_owned).chain([format!("{} lines", text.lines().count())]).collect())
}

#[tokio::test]
async fn nothing_grows_with_logins() {
    let world = world().await;
    let stats = world.gate.stats();
    let mut after = Vec::new();
    for _round in 1..=4 {
        for n in 0..100 {
            let mut client = Tcp::login(world.tcp(), &format!("player {}", n % 20)).await;
            works(&mut client, 1).await;
            push(&world, &format!("player {}", n % 20), "hello").await;
            assert_eq!(pushed(&client.answer().await), (1, "hello".into()));
        }
        until("all have gone", || stats.connections.get() == 0).await;
        let before = after.last().cloned();
        soon("the sessions have gone", async {
            let env = Env::real();
            while before.as_ref().is_some_and(|before| *before != size(&world)) {
                env.sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
        Env::real().sleep(std::time::Duration::from_millis(100)).await;
        after.push(size(&world));
    }
    assert_eq!(after[1], after[3], "{after:?}");
}
