//! Backends behind a way keep their contracts, slow or not; and each fault is what it says.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::broker::memory::MemoryBroker;
use guildhall_core::broker::{Broker, Delivery};
use guildhall_core::discovery::memory::MemoryDiscovery;
use guildhall_core::leases::memory::MemoryLeases;
use guildhall_core::leases::{LeaseChange, LeaseErrorKind, Leases};
use guildhall_core::store::memory::MemoryStore;
use guildhall_core::store::{
    Batch, Column, Guard, Holder, Kind, Migrate, Op, Row, RowId, Store, StoreErrorKind, Table,
    Token, Value, Write,
};
use guildhall_core::{Env, Incarnation, Key};
use parking_lot::RwLock;

use super::{
    FaultyBroker, FaultyDiscovery, FaultyLeases, FaultyStore, Seam, SeamFaults, Way, Ways,
};
use crate::net::NoNet;

const SLOW: std::ops::Range<Duration> = Duration::from_millis(5)..Duration::from_millis(90);
const SECOND: Duration = Duration::from_secs(1);

fn way(faults: SeamFaults) -> Arc<Way> {
    let env = Env::simulated(1, Arc::new(NoNet), Duration::ZERO);
    let way = Arc::clone(Ways::new(&env).to(Seam::Store));
    way.set(faults);
    way
}

mod store {
    use super::*;

    crate::store_contract!(
        || async || {
            let store = Arc::new(MemoryStore::new());
            FaultyStore { store, way: way(SeamFaults::slow(SLOW)) }
        },
        start_paused = true
    );
}

mod leases {
    use super::*;

    crate::leases_contract!(
        || async || {
            let leases = Arc::new(RwLock::new(MemoryLeases::new(Env::real())));
            FaultyLeases { leases, way: way(SeamFaults::default()) }
        },
        start_paused = true
    );
}

mod discovery {
    use super::*;

    crate::discovery_contract!(
        || async || {
            let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
            FaultyDiscovery { discovery, way: way(SeamFaults::default()) }
        },
        start_paused = true
    );
}

mod broker {
    use super::*;

    crate::broker_contract!(
        || async || FaultyBroker::new(Arc::new(MemoryBroker::new()), way(SeamFaults::default())),
        start_paused = true
    );
}

static TABLE: Table = Table {
    name: "note",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[Column { number: 2, name: "n", kind: Kind::Int, unique: false, index: false }],
};

fn row() -> RowId {
    RowId { table: &TABLE, key: Key::from("a"), sub: None }
}

fn holder() -> Holder {
    Holder { app: "dev.w1.app.1".parse().unwrap(), incarnation: Incarnation(1) }
}

fn token() -> Token {
    Token { lease: "note/1".into(), epoch: 1, holder: holder(), activation: 1 }
}

fn create() -> Vec<Batch> {
    let write = Write::Create(vec![(2, Value::Int(1))]);
    let op = Op { row: row(), guard: Guard::Owner(token(), 1), write, records: None, keep_ms: 0 };
    vec![Batch { ops: vec![op] }]
}

/// A store with a row that is claimed, as itself and behind a way.
async fn claimed() -> (MemoryStore, FaultyStore) {
    let kept = MemoryStore::new();
    kept.prepare(&[&TABLE], Migrate::Auto).await.unwrap();
    kept.claim(&[row()], token()).await.unwrap();
    let store = FaultyStore { store: Arc::new(kept.clone()), way: way(SeamFaults::default()) };
    (kept, store)
}

async fn row_of(store: &MemoryStore) -> Row {
    store.read(&[row()]).await.unwrap().remove(0).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_answers_nothing_and_comes_back() {
    let (kept, store) = claimed().await;
    store.way.set(SeamFaults::away());
    let error = store.commit(create()).await.remove(0).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert_eq!(store.read(&[row()]).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(!row_of(&kept).await.exists);
    store.way.set(SeamFaults::default());
    store.commit(create()).await.remove(0).unwrap();
    assert!(row_of(&kept).await.exists);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_caller_has_gone_away_is_done_when_it_arrives() {
    let (kept, store) = claimed().await;
    store.way.set(SeamFaults::slow(SECOND..SECOND * 2));
    let env = store.way.env.clone();
    let given_up = env.until(env.now() + SECOND / 2, store.commit(create())).await;
    assert!(given_up.is_none());
    assert!(!row_of(&kept).await.exists, "it has not arrived");
    env.sleep(SECOND * 2).await;
    assert!(row_of(&kept).await.exists, "it has arrived");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_write_is_done_or_not_or_will_be() {
    let (mut at_once, mut later, mut never) = (0, 0, 0);
    let env = Env::simulated(7, Arc::new(NoNet), Duration::ZERO);
    for _ in 0..60 {
        let (kept, mut store) = claimed().await;
        store.way = Arc::clone(Ways::new(&env).to(Seam::Store));
        let late = SECOND..SECOND * 2;
        store.way.set(SeamFaults { unknown: 100, late, ..SeamFaults::default() });
        let error = store.commit(create()).await.remove(0).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unknown);
        env.sleep(SECOND / 2).await;
        let before = row_of(&kept).await.exists;
        env.sleep(SECOND * 2).await;
        match (before, row_of(&kept).await.exists) {
            (true, _) => at_once += 1,
            (false, true) => later += 1,
            (false, false) => never += 1,
        }
        let read = store.read(&[row()]).await.unwrap_err();
        assert_eq!(read.kind, StoreErrorKind::Unavailable, "a read is never unknown");
    }
    assert!(at_once > 5 && later > 5 && never > 5, "{at_once} {later} {never}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_on_its_way_when_the_backend_goes_away_is_lost() {
    let (kept, store) = claimed().await;
    store.way.set(SeamFaults::slow(SECOND..SECOND * 2));
    let (way, env) = (Arc::clone(&store.way), store.way.env.clone());
    let commit = env.spawn("commit", async move { store.commit(create()).await.remove(0) });
    env.sleep(SECOND / 2).await;
    way.set(SeamFaults::away());
    let error = commit.await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unknown);
    env.sleep(SECOND * 2).await;
    assert!(row_of(&kept).await.exists, "it had left before");
}

#[tokio::test(start_paused = true)]
async fn a_watch_of_leases_ends_when_they_go_away() {
    let kept = Arc::new(RwLock::new(MemoryLeases::new(Env::real())));
    let leases = FaultyLeases { leases: kept, way: way(SeamFaults::slow(SLOW)) };
    let mut watch = leases.watch("role/").await.unwrap();
    assert_eq!(watch.recv().await, Some(LeaseChange::Synced));
    leases.way.set(SeamFaults::away());
    assert_eq!(watch.recv().await, None);
    let error = leases.keep_alive(&holder(), 1).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Unavailable);
    leases.way.set(SeamFaults::default());
    leases.open(&holder(), None, SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_when_the_broker_goes_away() {
    let way = way(SeamFaults::slow(SLOW));
    let broker = FaultyBroker::new(Arc::new(MemoryBroker::new()), Arc::clone(&way));
    let mut subscription = broker.subscribe("room", 4).await.unwrap();
    broker.publish("room", Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(subscription.next().await, Some(Delivery::Message(Bytes::from_static(b"hello"))));
    way.set(SeamFaults::away());
    assert_eq!(subscription.next().await, None);
    broker.publish("room", Bytes::new()).await.unwrap_err();
}
