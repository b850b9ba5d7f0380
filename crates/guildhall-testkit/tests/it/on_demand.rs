//! Apps that dial each other when a call needs it, and close links that nobody uses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::{NodeRecord, NodeState};
use guildhall::status::reason;
use guildhall::{AppId, Code, Cx, Effect, Status};
use guildhall_testkit::Cluster;
use parking_lot::Mutex;
use proto::hello::{GreeterClient, GreeterServer, HelloReq};
use proto::routing::{AskReq, AskRsp, Desk, DeskClient, DeskServer, TellMsg};

use crate::moves::{ONE, TWO, pots};
use crate::world::{CALLER, GREETER, Hello, say, spawn};

const IDLE: Duration = Duration::from_secs(2);

fn cluster(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed);
    cluster.close_idle_links(2_000);
    cluster
}

/// Two that greet and one that calls. They know each other.
async fn greeters(seed: u64) -> Cluster {
    let mut cluster = cluster(seed);
    for id in [GREETER, "dev.w1.greeter.2"] {
        cluster.start(id, |app| app.serve(GreeterServer::new(Hello))).await.unwrap();
    }
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster
}

fn gauge(cluster: &Cluster, id: &str, name: &str) -> i64 {
    let text = cluster.cx(id).metrics().text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

fn dialled(cluster: &Cluster, id: &str) -> i64 {
    gauge(cluster, id, "guildhall_links_dialled")
}

async fn say_at(cx: &Cx, to: &str, name: &str) -> Result<String, Status> {
    let to: AppId = to.parse().unwrap();
    Ok(GreeterClient::new(cx).at(&to).say(HelloReq { name: name.into() }).await?.text)
}

#[tokio::test(start_paused = true)]
async fn apps_that_know_each_other_have_links_only_where_calls_go() {
    let cluster = greeters(1).await;
    cluster.advance(Duration::from_secs(10)).await;
    for id in cluster.apps() {
        assert_eq!((dialled(&cluster, &id), cluster.cx(&id).nodes().len()), (0, 3), "{id}");
        assert_eq!(gauge(&cluster, &id, "guildhall_apps_on_demand"), 2, "{id}");
    }
    let cx = cluster.cx(CALLER);
    assert_eq!(say_at(&cx, GREETER, "you").await.unwrap(), "hello, you");
    assert_eq!(dialled(&cluster, CALLER), 1);
    assert_eq!((dialled(&cluster, GREETER), dialled(&cluster, "dev.w1.greeter.2")), (0, 0));
    // And by name, to any of them.
    for _ in 0..50 {
        assert_eq!(say(&cx, "you").await.unwrap(), "hello, you");
    }
    assert_eq!(dialled(&cluster, CALLER), 2);
}

#[tokio::test(start_paused = true)]
async fn an_idle_link_is_closed_and_the_next_call_dials_again() {
    let cluster = greeters(2).await;
    let cx = cluster.cx(CALLER);
    for _ in 0..5 {
        assert_eq!(say_at(&cx, GREETER, "you").await.unwrap(), "hello, you");
        assert_eq!(dialled(&cluster, CALLER), 1);
        // While it is used it stays, also by a call that takes longer.
        let slow = spawn({
            let cx = cx.clone();
            async move { say_at(&cx, GREETER, "slow").await }
        });
        cluster.advance(IDLE / 2).await;
        say_at(&cx, GREETER, "you").await.unwrap();
        cluster.advance(IDLE * 3 / 4).await;
        assert_eq!(dialled(&cluster, CALLER), 1);
        assert_eq!(slow.await.unwrap().unwrap(), "hello, slow");
        cluster.advance(IDLE * 4).await;
        assert_eq!(dialled(&cluster, CALLER), 0, "nobody has used it for {:?}", IDLE * 4);
        assert_eq!(cx.nodes().len(), 3, "they know each other still");
    }
}

/// Whether an app knows another one as reachable.
fn knows(cluster: &Cluster, id: &str, other: &str) -> bool {
    cluster.cx(id).nodes().iter().any(|node| node.id.as_str() == other)
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_seen_at_once_by_apps_that_have_a_link_from_the_app() {
    const OTHER: &str = "dev.w1.greeter.2";
    let mut cluster = greeters(14).await;
    say_at(&cluster.cx(CALLER), GREETER, "you").await.unwrap();
    cluster.kill(CALLER);
    cluster.advance(Duration::from_secs(1)).await;
    assert!(!knows(&cluster, GREETER, CALLER), "its connection has ended, and it does not answer");
    assert!(knows(&cluster, OTHER, CALLER), "whom it has never called");
    cluster.restart(CALLER).await.unwrap();
    cluster.linked().await;
    assert!(knows(&cluster, GREETER, CALLER), "its next life");
}

#[tokio::test(start_paused = true)]
async fn an_app_that_closes_an_idle_link_is_not_dialled_for_it() {
    let cluster = greeters(15).await;
    say_at(&cluster.cx(CALLER), GREETER, "you").await.unwrap();
    for _ in 0..1_000 {
        cluster.advance(IDLE / 100).await;
        assert_eq!(dialled(&cluster, GREETER), 0);
    }
    assert_eq!(dialled(&cluster, CALLER), 0);
    assert!(knows(&cluster, GREETER, CALLER));
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_moment_at_which_a_link_is_closed_are_not_lost() {
    for ms in (1_900..4_500).step_by(10) {
        let cluster = greeters(ms).await;
        let cx = cluster.cx(CALLER);
        say_at(&cx, GREETER, "you").await.unwrap();
        cluster.advance(Duration::from_millis(ms)).await;
        assert_eq!(say_at(&cx, GREETER, "you").await.unwrap(), "hello, you", "after {ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_dial_within_its_deadline() {
    let cluster = greeters(3).await;
    let cx = cluster.cx(CALLER).within(Duration::from_secs(1));
    cluster.partition(CALLER, GREETER);
    let begun = cx.env().now();
    let status = say_at(&cx, GREETER, "you").await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert_eq!(cx.env().now() - begun, Duration::from_secs(1));
    // One that is healed in time is reached by a call that waits.
    let cx = cluster.cx(CALLER).within(Duration::from_secs(20));
    let waits = spawn(async move { say_at(&cx, GREETER, "you").await });
    cluster.advance(Duration::from_secs(1)).await;
    assert!(!waits.is_finished());
    cluster.heal_all();
    let said = waits.await.unwrap();
    assert!(said.is_ok() || said.unwrap_err().effect() == Effect::NotRun);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_was_killed_is_found_out_by_the_first_call_and_is_back_with_its_next_life() {
    let mut cluster = greeters(4).await;
    cluster.kill(GREETER);
    let cx = cluster.cx(CALLER);
    let status = say_at(&cx, GREETER, "you").await.unwrap_err();
    assert_eq!((status.effect(), status.reason()), (Effect::NotRun, reason::NO_ROUTE), "{status}");
    assert_eq!(cx.nodes().len(), 2, "it is not called before it can be reached");
    for _ in 0..50 {
        assert_eq!(say(&cx, "you").await.unwrap(), "hello, you", "the other one answers");
    }
    cluster.restart(GREETER).await.unwrap();
    cluster.linked().await;
    assert_eq!(say_at(&cluster.cx(CALLER), GREETER, "you").await.unwrap(), "hello, you");
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_lease_session_ends_while_it_is_dialled_is_not_reachable_until_it_answers() {
    let mut cluster = cluster(8);
    for id in [ONE, TWO] {
        let slots = [("app.slots", "64")];
        let app = |app| pots(app).serve(GreeterServer::new(Hello));
        cluster.start_with(id, &slots, app).await.unwrap();
    }
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    cluster.settled().await;
    cluster.advance(IDLE * 10).await;
    assert_eq!(dialled(&cluster, CALLER), 0);
    // It hangs: it is connected to, and does not answer the handshake.
    cluster.pause(TWO);
    cluster.advance(Duration::from_secs(2)).await;
    let cx = cluster.cx(CALLER).within(Duration::from_secs(20));
    let call = spawn({
        let cx = cx.clone();
        async move { say_at(&cx, TWO, "you").await }
    });
    let begun = cx.env().now();
    while !call.is_finished() {
        cluster.advance(Duration::from_millis(50)).await;
    }
    let status = call.await.unwrap().unwrap_err();
    assert_eq!((status.effect(), status.reason()), (Effect::NotRun, reason::NO_ROUTE), "{status}");
    let waited = cx.env().now() - begun;
    assert!(
        waited < Duration::from_secs(4),
        "{waited:?}: until the session was over, not the dial"
    );
    assert_eq!(cx.nodes().len(), 2, "it is not reachable, although its dial has not ended");
    cluster.resume(TWO);
    cluster.advance(Duration::from_secs(10)).await;
    assert_eq!(say_at(&cx, TWO, "you").await.unwrap(), "hello, you");
    cluster.settled().await;
}

#[tokio::test(start_paused = true)]
async fn another_app_at_the_address_gets_no_calls() {
    let cluster = greeters(5).await;
    let cx = cluster.cx(CALLER);
    let node = cx.nodes().into_iter().find(|node| node.id.as_str() == GREETER).unwrap();
    let ghost = NodeRecord { id: "dev.w1.ghost.1".parse().unwrap(), ..node };
    cluster.discovery().register(&ghost, Duration::from_secs(60)).await.unwrap();
    cluster.advance(Duration::from_millis(100)).await;
    let status = say_at(&cx, "dev.w1.ghost.1", "you").await.unwrap_err();
    assert_eq!(status.effect(), Effect::NotRun, "{status}");
    assert!(status.message().contains("another app"), "{status}");
}

/// Notes what it is told, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Desk for Notes {
    async fn ask(&self, cx: &Cx, _req: AskReq) -> Result<AskRsp, Status> {
        Ok(AskRsp { app: cx.app_id().to_string() })
    }

    async fn first(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        self.ask(cx, req).await
    }

    async fn least(&self, cx: &Cx, req: AskReq) -> Result<AskRsp, Status> {
        self.ask(cx, req).await
    }

    async fn tell(&self, _cx: &Cx, msg: TellMsg) -> Result<(), Status> {
        self.0.lock().push(msg.text);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn casts_that_wait_for_a_dial_arrive_in_their_order_and_none_is_lost() {
    let mut cluster = cluster(6);
    let notes = Notes::default();
    let desk = notes.clone();
    cluster
        .start("dev.w1.desk.1", move |app| app.serve(DeskServer::new(desk.clone())))
        .await
        .unwrap();
    cluster.start(CALLER, |app| app).await.unwrap();
    cluster.linked().await;
    let cx = cluster.cx(CALLER);
    let mut want = Vec::new();
    for round in 0..20 {
        for n in 0..10 {
            let text = format!("{round}.{n}");
            want.push(text.clone());
            DeskClient::new(&cx).tell(TellMsg { text }).await.unwrap();
        }
        // Around the time at which the link is closed.
        cluster.advance(IDLE + Duration::from_millis(100 * round)).await;
    }
    assert_eq!(*notes.0.lock(), want);
}

/// A record of an app that does not run.
fn record(n: usize, services: &[&str]) -> NodeRecord {
    NodeRecord {
        id: format!("dev.w1.far.{n}").parse().unwrap(),
        incarnation: guildhall_core::Incarnation(1),
        logic_addr: None,
        endpoints: BTreeMap::from([("link".to_owned(), format!("far-{n}:7000"))]),
        version: "0".into(),
        weight: 100,
        load: 0,
        export: false,
        state: NodeState::Ready,
        services: services.iter().map(|name| (*name).to_owned()).collect(),
        descriptors_hash: Default::default(),
        labels: BTreeMap::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_apps_are_known_without_a_link_and_a_change_reaches_all_that_watch() {
    const FAR: usize = 1_000;
    const WATCHERS: usize = 20;
    let mut cluster = cluster(7);
    let discovery = cluster.discovery();
    let ttl = Duration::from_secs(3_600);
    for n in 0..FAR {
        discovery.register(&record(n, &["far.Away"]), ttl).await.unwrap();
    }
    for n in 1..=WATCHERS {
        let id = format!("dev.w1.greeter.{n}");
        let slots = [("app.slots", "64")];
        cluster.start_with(&id, &slots, |app| app.serve(GreeterServer::new(Hello))).await.unwrap();
    }
    cluster.linked().await;
    for id in cluster.apps() {
        assert_eq!(cluster.cx(&id).nodes().len(), FAR + WATCHERS, "{id}");
        assert_eq!(dialled(&cluster, &id), 0, "{id}");
    }
    // A ring of calls: one link each.
    for n in 1..=WATCHERS {
        let (from, to) = (format!("dev.w1.greeter.{n}"), n % WATCHERS + 1);
        let to = format!("dev.w1.greeter.{to}");
        assert_eq!(say_at(&cluster.cx(&from), &to, "you").await.unwrap(), "hello, you");
    }
    for id in cluster.apps() {
        assert_eq!(dialled(&cluster, &id), 1, "{id}");
    }
    let seen = |id: &AppId| {
        let sees = |at: &String| cluster.cx(at).nodes().iter().any(|node| node.id == *id);
        cluster.apps().iter().filter(|at| sees(at)).count()
    };
    let new = record(FAR, &["far.Away"]);
    discovery.register(&new, ttl).await.unwrap();
    cluster.advance(Duration::from_millis(100)).await;
    assert_eq!(seen(&new.id), WATCHERS, "all know the new one");
    discovery.deregister(&new.id, new.incarnation).await.unwrap();
    cluster.advance(Duration::from_millis(100)).await;
    assert_eq!(seen(&new.id), 0, "and that it is gone");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_apps_run_with_links_only_where_calls_go_and_a_change_reaches_all() {
    const APPS: usize = 1_000;
    let mut cluster = Cluster::new(16);
    cluster.close_idle_links(60_000);
    let slots = [("app.slots", "64")];
    let name = |n: usize| format!("dev.w1.greeter.{n}");
    let greets = |app: guildhall::App| app.serve(GreeterServer::new(Hello));
    for n in 1..=APPS {
        cluster.start_with(&name(n), &slots, greets).await.unwrap();
    }
    cluster.advance(Duration::from_secs(1)).await;
    let dials =
        |cluster: &Cluster| -> i64 { cluster.apps().iter().map(|id| dialled(cluster, id)).sum() };
    for n in [1, 2, APPS / 2, APPS] {
        assert_eq!(cluster.cx(&name(n)).nodes().len(), APPS, "{n}");
    }
    assert_eq!(dials(&cluster), 0, "nobody has called");
    for n in 1..=APPS {
        let to = name(n % APPS + 1);
        assert_eq!(say_at(&cluster.cx(&name(n)), &to, "you").await.unwrap(), "hello, you");
    }
    assert_eq!(dials(&cluster), i64::try_from(APPS).unwrap(), "one for each");

    let new = name(APPS + 1);
    cluster.start_with(&new, &slots, greets).await.unwrap();
    let (id, life) = (new.parse().unwrap(), cluster.cx(&new).life());
    let know = |cluster: &Cluster| {
        (1..=APPS).filter(|n| cluster.cx(&name(*n)).is_linked(&id, life)).count()
    };
    cluster.advance(Duration::from_millis(100)).await;
    assert_eq!(know(&cluster), APPS, "all know the new one");
    cluster.shutdown(&new).await;
    cluster.advance(Duration::from_millis(100)).await;
    assert_eq!(know(&cluster), 0, "and that it is gone");
}
