//! A hub that dies and comes back: its clients say what happened meanwhile, and go on.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::broker::{Broker as _, Delivery};
use guildhall_core::discovery::{Change, Discovery as _, NodeRecord, NodeState};
use guildhall_core::leases::{Acquired, LeaseErrorKind, Leases as _, Opened, Wanted};
use guildhall_core::queue::{Queue as _, QueueErrorKind};
use guildhall_core::store::{
    Batch, Column, Committed, Guard, Holder, Kind, Migrate, Op, Order, Query, RowId, Store as _,
    StoreErrorKind, Table, Token, Value, Write,
};
use guildhall_core::{Env, Incarnation};
use tokio::sync::mpsc;

use crate::world::{WITHIN, World, until_it_works};

pub(crate) const TTL: Duration = Duration::from_secs(60);

pub(crate) fn node(inst: u64) -> NodeRecord {
    NodeRecord {
        id: format!("test.w1.role.{inst}").parse().unwrap(),
        incarnation: Incarnation(1),
        logic_addr: None,
        endpoints: [("link".to_owned(), format!("127.0.0.1:{}", 7000 + inst))].into(),
        version: "1.0".to_owned(),
        weight: 100,
        load: 0,
        export: false,
        state: NodeState::Ready,
        services: Vec::new(),
        descriptors_hash: Bytes::new(),
        labels: [].into(),
    }
}

async fn next(watch: &mut mpsc::Receiver<Change>) -> Change {
    let env = Env::real();
    let next = env.until(env.now() + WITHIN, watch.recv()).await;
    next.expect("a change comes").expect("the watch goes on")
}

#[tokio::test]
async fn discovery_goes_on_after_the_hub_restarts() {
    let (world, env) = (World::new(), Env::real());
    let (one, other) = (world.fresh().await.discovery(), world.client().await.discovery());
    one.register(&node(1), TTL).await.unwrap();
    let mut watch = other.watch().await.unwrap();
    assert_eq!(next(&mut watch).await, Change::Put(node(1)));
    assert_eq!(next(&mut watch).await, Change::Synced);

    world.kill().await;
    assert!(one.register(&node(1), TTL).await.is_err(), "nobody is there");
    world.restart().await;
    let back = env.now();
    // It registers by itself: nobody has called `register` since.
    let fresh = world.client().await.discovery();
    loop {
        let mut watch = fresh.watch().await.unwrap();
        if next(&mut watch).await == Change::Put(node(1)) {
            break;
        }
        assert!(env.now() < back + Duration::from_secs(5), "it is not registered again");
        env.sleep(Duration::from_millis(5)).await;
    }
    println!("registered again {:?} after the hub was back", env.now() - back);
    let ended = env.until(env.now() + WITHIN, watch.recv()).await;
    assert_eq!(ended, Some(None), "a watch ends when the hub is lost");
    let again = async || other.watch().await;
    let (mut watch, _) = until_it_works(&env, "watch", again).await;
    assert_eq!(next(&mut watch).await, Change::Put(node(1)));
}

#[tokio::test]
async fn a_broker_goes_on_after_the_hub_restarts() {
    let (world, env) = (World::new(), Env::real());
    let broker = world.fresh().await.broker();
    let mut before = broker.subscribe("room.1", 16).await.unwrap();
    world.kill().await;
    let ended = env.until(env.now() + WITHIN, before.next()).await;
    assert_eq!(ended, Some(None), "its subscriptions end when the hub is lost");
    assert!(broker.publish("room.1", Bytes::from_static(b"lost")).await.is_err());
    world.restart().await;
    let subscribe = async || broker.subscribe("room.1", 16).await;
    let (mut after, gap) = until_it_works(&env, "subscribe", subscribe).await;
    println!("subscribed again {gap:?} after the hub was back");
    broker.publish("room.1", Bytes::from_static(b"hello")).await.unwrap();
    let hello = env.until(env.now() + WITHIN, after.next()).await;
    assert_eq!(hello, Some(Some(Delivery::Message(Bytes::from_static(b"hello")))));
}

#[tokio::test]
async fn a_queue_goes_on_after_the_hub_restarts() {
    let (world, env) = (World::new(), Env::real());
    let queue = world.fresh().await.queue().await.unwrap();
    queue.push("mail", Bytes::from_static(b"1")).await.unwrap();
    world.kill().await;
    let away = queue.push("mail", Bytes::from_static(b"2")).await.unwrap_err();
    let honest = [QueueErrorKind::Unavailable, QueueErrorKind::Unknown];
    assert!(honest.contains(&away.kind), "{away}");
    world.restart().await;
    let push = async || queue.push("mail", Bytes::from_static(b"3")).await;
    let ((), gap) = until_it_works(&env, "push", push).await;
    println!("pushed again {gap:?} after the hub was back");
    let popped = queue.pop("mail", WITHIN).await.unwrap().unwrap();
    assert_eq!(popped.body, "3", "its queues are in memory, and it says so");
    assert!(!queue.capabilities().durable);
}

#[tokio::test]
async fn leases_go_on_after_the_hub_restarts() {
    let (world, env) = (World::new(), Env::real());
    let leases = world.fresh().await.leases();
    let app = node(1).id;
    let holder = Holder { app, incarnation: Incarnation(1) };
    let wanted = [Wanted { id: "role/1".into(), at_least: 0 }];
    let other = Holder { incarnation: Incarnation(2), ..holder.clone() };
    let open = async |holder: &Holder| match leases.open(holder, None, TTL).await.unwrap() {
        Opened::New(number) => number,
        Opened::Living(number) => panic!("{holder} has session {number}"),
    };
    let (of_holder, of_other) = (open(&holder).await, open(&other).await);
    let first = leases.acquire(&holder, &wanted).await.unwrap();
    let Acquired::Held { epoch: first, .. } = first[0] else { panic!("{first:?}") };
    world.kill().await;
    let away = leases.keep_alive(&holder, of_holder).await.unwrap_err();
    assert_eq!(away.kind, LeaseErrorKind::Unavailable, "{away}");
    world.restart().await;
    let alive = async || leases.keep_alive(&holder, of_holder).await;
    let ((), gap) = until_it_works(&env, "keep_alive of the session that there was", alive).await;
    println!("renewed {gap:?} after the hub was back");
    leases.keep_alive(&other, of_other).await.unwrap();
    let asked = leases.acquire(&other, &wanted).await.unwrap();
    assert_eq!(asked, [Acquired::Taken { holder: holder.clone(), epoch: first }]);
    leases.close(&holder, of_holder).await.unwrap();
    let second = leases.acquire(&other, &wanted).await.unwrap();
    let Acquired::Held { epoch: second, .. } = second[0] else { panic!("{second:?}") };
    assert!(second > first, "{second} after {first}");
}

static ROLE: Table = Table {
    name: "role",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[Column { number: 2, name: "name", kind: Kind::Text, unique: true, index: false }],
};

pub(crate) fn row(key: &str) -> RowId {
    RowId { table: &ROLE, key: key.into(), sub: None }
}

/// The token to claim a row with, and what creates it then.
pub(crate) fn create(key: &str, records: Bytes) -> (Token, Batch) {
    let holder = Holder { app: node(1).id, incarnation: Incarnation(1) };
    let token = Token { lease: "role/1".into(), epoch: 5, holder, activation: 1 };
    let write = Write::Create(vec![(2, Value::Text(key.into()))]);
    let guard = Guard::Owner(token.clone(), 1);
    (
        token,
        Batch { ops: vec![Op { row: row(key), guard, write, records: Some(records), keep_ms: 0 }] },
    )
}

#[tokio::test]
async fn a_store_goes_on_after_the_hub_restarts() {
    let (world, env) = (World::new(), Env::real());
    let store = world.fresh().await.store();
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    let (token, batch) = create("1", Bytes::new());
    let claimed = store.claim(&[row("1")], token).await.unwrap();
    assert_eq!(claimed[0].version, 1);
    let commit = async || store.commit(vec![batch.clone()]).await.remove(0);

    world.kill().await;
    let away = commit().await.unwrap_err();
    let honest = [StoreErrorKind::Unavailable, StoreErrorKind::Unknown];
    assert!(honest.contains(&away.kind), "{away}");
    let read = store.read(&[row("1")]).await.unwrap_err();
    assert_eq!(read.kind, StoreErrorKind::Unavailable);
    world.restart().await;
    // The same bytes, and nobody has prepared the table again.
    let (done, gap) = until_it_works(&env, "commit", commit).await;
    assert_eq!(done, Committed { versions: vec![2] });
    println!("committed {gap:?} after the hub was back");
    let kept = store.read(&[row("1")]).await.unwrap().remove(0).unwrap();
    assert_eq!((kept.version, kept.fields), (2, vec![(2, Value::Text("1".into()))]));
}

#[tokio::test]
async fn a_commit_larger_than_a_frame_goes_in_parts_and_one_batch_that_large_is_refused() {
    let world = World::new();
    let store = world.fresh().await.store();
    store.prepare(&[&ROLE], Migrate::Auto).await.unwrap();
    let keys: Vec<String> = (0..450).map(|n| n.to_string()).collect();
    let rows: Vec<RowId> = keys.iter().map(|key| row(key)).collect();
    let records = Bytes::from(vec![7; 10_000]);
    let batches: Vec<_> = keys.iter().map(|key| create(key, records.clone())).collect();
    store.claim(&rows, batches[0].0.clone()).await.unwrap();
    let done = store.commit(batches.into_iter().map(|(_, batch)| batch).collect()).await;
    assert_eq!(done.len(), rows.len());
    for done in done {
        assert_eq!(done, Ok(Committed { versions: vec![2] }));
    }
    for order in [Order::Key, Order::Up(2), Order::Down(2)] {
        let (conditions, limit) = (Vec::new(), 1000);
        let mut query =
            Query { table: &ROLE, conditions, order, after: None, limit, keys_only: false };
        let (mut found, mut pages) = (BTreeSet::new(), 0);
        loop {
            let page = store.query(&query).await.unwrap();
            found.extend(page.rows.into_iter().map(|(key, _)| key.to_string()));
            pages += 1;
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert!(pages > 1, "a page fits a frame");
        assert_eq!(found, keys.iter().cloned().collect(), "{order:?}");
    }

    let (_, large) = create("0", Bytes::from(vec![7; 5 << 20]));
    let error = store.commit(vec![large]).await.remove(0).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
}

#[tokio::test]
async fn a_hub_that_is_told_to_stop_does_not_wait_for_who_waits() {
    let (world, env) = (World::new(), Env::real());
    let client = world.fresh().await;
    let (discovery, queue) = (client.discovery(), client.queue().await.unwrap());
    let mut watch = discovery.watch().await.unwrap();
    assert_eq!(next(&mut watch).await, Change::Synced);
    let popping = async {
        let _whatever = queue.pop("mail", WITHIN).await;
    };
    let stopping = async {
        env.sleep(Duration::from_millis(50)).await;
        let begun = env.now();
        world.stop().await;
        env.now() - begun
    };
    let stopped = tokio::select! {
        biased;
        stopped = stopping => stopped,
        () = async { popping.await; std::future::pending().await } => unreachable!("it waits"),
    };
    println!("stopped in {stopped:?}");
    assert!(stopped < Duration::from_secs(5), "it took {stopped:?}; a poll takes 10 s");
}

/// Sessions and leases of lives that are over leave nothing in the file.
#[tokio::test]
async fn leases_that_are_over_leave_nothing_in_the_file_of_the_hub() {
    let world = World::new();
    let client = world.fresh().await;
    let leases = client.leases();
    for life in 1..=20 {
        let holder = Holder { app: node(1).id, incarnation: Incarnation(life) };
        let opened = leases.open(&holder, None, TTL).await.unwrap();
        let Opened::New(session) = opened else { panic!("{opened:?}") };
        let wanted = [Wanted { id: format!("user//{life}").into(), at_least: 0 }];
        leases.acquire(&holder, &wanted).await.unwrap();
        leases.close(&holder, session).await.unwrap();
    }
    drop(client);
    world.stop().await;
    let url = world.dir.path().display().to_string();
    let settings = guildhall_redb::Settings::parse(&url).unwrap();
    let store = guildhall_redb::RedbStore::open(&Env::real(), settings).await.unwrap();
    store.prepare(&[&LEASES], Migrate::Auto).await.unwrap();
    let query = Query {
        table: &LEASES,
        conditions: Vec::new(),
        order: Order::Key,
        after: None,
        limit: 100,
        keys_only: false,
    };
    assert_eq!(store.query(&query).await.unwrap().rows, [], "what lives");
    let left = store.tombstones(&LEASES, None, 100).await.unwrap();
    assert!(left.is_empty(), "what is over: {left:?}");
}

/// As the hub has it.
static LEASES: Table = Table {
    name: "guildhall.hub.leases",
    key: Column { number: 1, name: "name", kind: Kind::Text, unique: false, index: false },
    columns: &[Column { number: 2, name: "value", kind: Kind::Bytes, unique: false, index: false }],
};
