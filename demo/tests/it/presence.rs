//! Presence: who is online follows the sessions, and nothing that is late.

use std::time::Duration;

use demo::online;
use demo::proto::online::{OnlineClient, PlayingReq, Presence, ReadReq};
use demo::proto::role::{ChannelMsg, LoginReq, RegisterReq, RoleClient, RoleEvents};
use guildhall::gate::Gate;
use guildhall::{App, Code, Env};
use guildhall_client::{Client, ConnectError, Event, Events, Options};
use guildhall_testkit::Cluster;

use crate::town::{CALLER, Everybody, start, start_app, start_gate};

const GATES: [&str; 2] = ["demo.w1.gate.1", "demo.w1.gate.2"];
const ONLINE: &str = "demo.w1.online.1";
const APPS: &[(&str, &[&str])] = &[
    ("demo.w1.role.1", &["role"]),
    (ONLINE, &["online"]),
    ("demo.w1.club.1", &["club", "clubrole", "uid"]),
];

async fn town(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed);
    start(&mut cluster, APPS).await;
    for gate in GATES {
        start_gate(&mut cluster, gate).await;
    }
    // Gates learn the game's methods.
    cluster.advance(Duration::from_secs(1)).await;
    cluster
}

async fn enter(env: &Env, gate: &str, player: &str) -> (Client, Events) {
    let options = Options { attempts_max: 0, ..Options::default() };
    Client::connect(env, &format!("tcp://{gate}:7000"), player, options).await.unwrap()
}

async fn presence(cluster: &Cluster, player: &str) -> Option<Presence> {
    let players = [player.to_owned()];
    online::read(&cluster.cx(CALLER), &players).await.pop().unwrap()
}

async fn gate_of(cluster: &Cluster, player: &str) -> Option<String> {
    presence(cluster, player).await.map(|presence| presence.gate)
}

#[tokio::test(start_paused = true)]
async fn a_player_is_online_from_its_login_to_its_end() {
    let mut cluster = town(1).await;
    let env = cluster.client_env();
    assert_eq!(presence(&cluster, "ada").await, None);
    let before = env.wall();
    let (client, _events) = enter(&env, GATES[0], "ada").await;
    let register = RegisterReq { name: "Ada".into(), ..RegisterReq::default() };
    client.call(RoleClient::REGISTER, register).await.unwrap();
    client.call(RoleClient::LOGIN, LoginReq::default()).await.unwrap();
    cluster.advance(Duration::from_millis(100)).await;
    let there = presence(&cluster, "ada").await.unwrap();
    assert_eq!((there.gate.as_str(), there.app.as_str()), (GATES[0], "demo.w1.role.1"));
    let since = Duration::from_millis(there.since_ms);
    let (before, after) = (before - Duration::from_millis(1), env.wall());
    assert!(before <= since && since <= after, "{before:?} {since:?} {after:?}");
    client.close().await;
    cluster.advance(Duration::from_millis(100)).await;
    assert_eq!(presence(&cluster, "ada").await, None);
}

#[tokio::test(start_paused = true)]
async fn the_late_end_of_an_earlier_login_leaves_the_newer_one_online() {
    let mut cluster = town(2).await;
    let env = cluster.client_env();
    let (first, _events) = enter(&env, GATES[0], "ada").await;
    // What the first gate says arrives late.
    cluster.partition(GATES[0], ONLINE);
    first.close().await;
    let (_second, _events) = enter(&env, GATES[1], "ada").await;
    assert_eq!(gate_of(&cluster, "ada").await.as_deref(), Some(GATES[1]));
    cluster.heal_all();
    cluster.advance(Duration::from_secs(5)).await;
    assert_eq!(gate_of(&cluster, "ada").await.as_deref(), Some(GATES[1]));
    // And so does what the role's app says of the earlier login.
    let cx = cluster.cx(CALLER);
    let late = PlayingReq { player: "ada".into(), session: "an earlier one".into() };
    OnlineClient::new(&cx).playing(late).await.unwrap();
    cluster.advance(Duration::from_millis(100)).await;
    assert_eq!(presence(&cluster, "ada").await.unwrap().app, "");
}

#[tokio::test(start_paused = true)]
async fn a_player_whose_gate_has_died_logs_in_elsewhere_at_once() {
    let mut cluster = town(3).await;
    let env = cluster.client_env();
    let (_first, _events) = enter(&env, GATES[0], "ada").await;
    cluster.kill(GATES[0]);
    let begun = env.now();
    let (_second, _events) = enter(&env, GATES[1], "ada").await;
    assert!(env.now() - begun < Duration::from_secs(1), "it waited for the dead");
    assert_eq!(gate_of(&cluster, "ada").await.as_deref(), Some(GATES[1]));
}

#[tokio::test(start_paused = true)]
async fn a_player_whose_gate_was_killed_is_offline_whoever_asks_how_often() {
    let mut cluster = town(7).await;
    let env = cluster.client_env();
    let (_client, _events) = enter(&env, GATES[0], "ada").await;
    assert_eq!(gate_of(&cluster, "ada").await.as_deref(), Some(GATES[0]));
    cluster.kill(GATES[0]);
    cluster.advance(Duration::from_secs(1)).await;
    assert_eq!(presence(&cluster, "ada").await, None);
    // Its next life is another one, and holds nothing of the first.
    cluster.restart(GATES[0]).await.unwrap();
    cluster.linked().await;
    for _ in 0..200 {
        assert_eq!(presence(&cluster, "ada").await, None);
        cluster.advance(Duration::from_secs(1)).await;
    }
    // After 90 s without a word of a gate the session is forgotten, and so nothing is there to be read.
    let read = OnlineClient::new(&cluster.cx(CALLER)).read(ReadReq { player: "ada".into() }).await;
    assert_eq!(read.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_player_whose_goodbye_was_lost_is_offline_after_the_touches_fail() {
    let mut cluster = town(8).await;
    let env = cluster.client_env();
    let (client, _events) = enter(&env, GATES[0], "ada").await;
    cluster.partition(GATES[0], ONLINE);
    client.close().await;
    // Longer than the gate tries.
    cluster.advance(Duration::from_secs(30)).await;
    cluster.heal_all();
    cluster.advance(Duration::from_secs(10)).await;
    for _ in 0..100 {
        let _whatever = presence(&cluster, "ada").await;
        cluster.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(presence(&cluster, "ada").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_ends_while_its_session_opens_leaves_nobody_online() {
    const HASTY: &str = "demo.w1.gate.3";
    let mut cluster = town(9).await;
    let settings = [("gate.tcp", "demo.w1.gate.3:7000"), ("gate.handshake_ms", "200")];
    let gate = |app: App| app.component(Gate::new().authenticate(Everybody));
    cluster.start_with(HASTY, &settings, gate).await.unwrap();
    cluster.linked().await;
    let env = cluster.client_env();
    // There is a link to what is slow from here on.
    let (bob, _events) = enter(&env, HASTY, "bob").await;
    bob.close().await;
    let late = Duration::from_millis(600);
    cluster.delay_one_way(ONLINE, HASTY, late..late + Duration::from_millis(1));
    let options = Options { attempts_max: 0, ..Options::default() };
    let refused = Client::connect(&env, "tcp://demo.w1.gate.3:7000", "ada", options).await;
    assert!(matches!(refused, Err(ConnectError::Refused(_))), "{refused:?}");
    // The session was opened, and the gate hears so when it has long given up.
    assert_eq!(gate_of(&cluster, "ada").await.as_deref(), Some(HASTY));
    cluster.end_delays();
    cluster.advance(Duration::from_secs(3)).await;
    assert_eq!(presence(&cluster, "ada").await, None);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_of_online_the_gates_make_everybody_known_again() {
    let mut cluster = town(4).await;
    let env = cluster.client_env();
    let (_client, mut events) = enter(&env, GATES[0], "ada").await;
    let before = presence(&cluster, "ada").await.unwrap();
    cluster.restart(ONLINE).await.unwrap();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(10)).await;
    assert_eq!(presence(&cluster, "ada").await, Some(before));
    while let Some(event) = env.until(env.now() + Duration::from_secs(1), events.next()).await {
        assert!(matches!(event, Some(Event::Reset | Event::Push(_))), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rolling_restart_of_online_makes_nobody_offline_and_loses_no_push() {
    const SECOND: &str = "demo.w1.online.2";
    let mut cluster = town(6).await;
    start_app(&mut cluster, SECOND, &["online"], &[]).await;
    cluster.linked().await;
    let env = cluster.client_env();
    let players: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
    let mut clients = Vec::new();
    for (n, player) in players.iter().enumerate() {
        let (client, events) = enter(&env, GATES[n % 2], player).await;
        let register = RegisterReq { name: player.clone(), ..RegisterReq::default() };
        client.call(RoleClient::REGISTER, register).await.unwrap();
        client.call(RoleClient::LOGIN, LoginReq::default()).await.unwrap();
        clients.push((client, events));
    }
    cluster.advance(Duration::from_millis(100)).await;
    let cx = cluster.cx(CALLER);
    let before = online::read(&cx, &players).await;
    let is_playing = |it: &Option<Presence>| it.as_ref().is_some_and(|it| !it.app.is_empty());
    assert!(before.iter().all(is_playing), "{before:?}");
    let push = || RoleEvents::list(&cx, players.iter().cloned()).channel(ChannelMsg::default());
    for id in [ONLINE, SECOND] {
        cluster.shutdown(id).await;
        push().await.unwrap();
        assert_eq!(online::read(&cx, &players).await, before);
        cluster.restart(id).await.unwrap();
        cluster.linked().await;
        cluster.advance(Duration::from_secs(1)).await;
        push().await.unwrap();
        assert_eq!(online::read(&cx, &players).await, before);
    }
    for (client, events) in &mut clients {
        let mut pushes = 0;
        while let Some(event) = env.until(env.now() + Duration::from_secs(1), events.next()).await {
            assert!(matches!(event, Some(Event::Push(_))), "{}: {event:?}", client.player());
            pushes += 1;
        }
        assert_eq!(pushes, 4, "{}", client.player());
    }
}

/// What a client hears within a second: the numbers of pushes, and 0 for RESET.
async fn heard(env: &Env, events: &mut Events) -> Vec<u64> {
    let mut heard = Vec::new();
    while let Some(event) = env.until(env.now() + Duration::from_secs(1), events.next()).await {
        match event {
            Some(Event::Push(push)) => heard.push(push.seq),
            Some(Event::Reset) => heard.push(0),
            other => panic!("{other:?}"),
        }
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn a_push_that_is_lost_on_its_way_to_the_session_makes_a_reset_before_the_next() {
    let mut cluster = town(10).await;
    let env = cluster.client_env();
    let (_client, mut events) = enter(&env, GATES[0], "ada").await;
    let cx = cluster.cx(CALLER);
    let push = || RoleEvents::list(&cx, ["ada".to_owned()]).channel(ChannelMsg::default());
    push().await.unwrap();
    push().await.unwrap();
    assert_eq!(heard(&env, &mut events).await, [1, 2]);
    // It is on its way when the connection breaks.
    cluster.partition(CALLER, ONLINE);
    push().await.unwrap();
    cluster.advance(Duration::from_secs(60)).await;
    cluster.heal_all();
    cluster.linked().await;
    cluster.advance(Duration::from_secs(5)).await;
    assert!(heard(&env, &mut events).await.is_empty());
    push().await.unwrap();
    let after = heard(&env, &mut events).await;
    assert!(matches!(after[..], [0, _]), "no RESET before the push, but {after:?}");
    // A new login begins anew, and has missed nothing.
    let (_client, mut events) = enter(&env, GATES[1], "ada").await;
    push().await.unwrap();
    assert_eq!(heard(&env, &mut events).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn when_apps_of_roles_come_and_go_every_player_logs_in_at_once() {
    let mut cluster = town(5).await;
    let env = cluster.client_env();
    let mut clients = Vec::new();
    for n in 0..10 {
        let (client, events) = enter(&env, GATES[n % 2], &format!("p{n}")).await;
        let register = RegisterReq { name: format!("P{n}"), ..RegisterReq::default() };
        client.call(RoleClient::REGISTER, register).await.unwrap();
        client.call(RoleClient::LOGIN, LoginReq::default()).await.unwrap();
        clients.push((client, events));
    }
    // Half of them have another owner now, while the old one lives.
    start_app(&mut cluster, "demo.w1.role.2", &["role"], &[]).await;
    cluster.linked().await;
    for (client, _) in &clients {
        let rsp = client.call(RoleClient::LOGIN, LoginReq::default()).await.unwrap();
        assert_eq!(rsp.role.unwrap().name, format!("P{}", &client.player()[1..]));
    }
}
