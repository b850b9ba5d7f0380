//! The contract suite of the [`Discovery`] seam: one function per rule, and a macro that makes a test of each.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use guildhall_core::discovery::{Change, Discovery, NodeRecord, NodeState, WATCH_BUFFER};
use guildhall_core::{AppId, Env, Incarnation};
use tokio::sync::mpsc;

/// Makes one test of each rule of the contract of `guildhall_core::discovery::Discovery`.
///
/// The argument is called once per test and returns an async closure that opens an empty backend. What follows it goes to
/// `tokio::test`, which the caller's crate must have; in-memory backends add `start_paused = true`.
#[macro_export]
macro_rules! discovery_contract {
    (if $runs:expr, $make:expr $(, $($tokio:tt)*)?) => {
        $crate::contract_tests! { discovery ($make, $runs) ($($($tokio)*)?)
            a_watch_begins_with_a_snapshot
            a_record_that_is_not_renewed_goes_away
            an_update_reaches_every_watcher
            a_later_incarnation_replaces_an_earlier_one
            a_late_deregistration_leaves_the_new_incarnation
            a_slow_watcher_is_told_to_start_over
        }
    };
    ($make:expr $(, $($tokio:tt)*)?) => {
        $crate::discovery_contract! { if |_: &str| true, $make $(, $($tokio)*)? }
    };
}

/// Long enough for any backend.
const TTL: Duration = Duration::from_secs(30);

/// How many nodes change while a watcher does not read.
const SLOW_NODES: u64 = 32;

/// How late an expiry may be seen.
const GRACE: Duration = Duration::from_secs(10);

fn node(inst: u64, life: u64) -> NodeRecord {
    NodeRecord {
        id: id(inst),
        incarnation: Incarnation(life),
        logic_addr: None,
        endpoints: [("link".to_owned(), format!("127.0.0.1:{}", 7000 + inst))].into(),
        version: "1.0".to_owned(),
        weight: 100,
        load: 0,
        export: false,
        state: NodeState::Ready,
        services: vec!["demo.Greeter".to_owned()],
        descriptors_hash: Bytes::from_static(b"hash"),
        labels: [("zone".to_owned(), "a".to_owned())].into(),
    }
}

fn id(inst: u64) -> AppId {
    format!("test.w1.role.{inst}").parse().expect("four labels")
}

async fn register(discovery: &dyn Discovery, node: &NodeRecord) {
    discovery.register(node, TTL).await.expect("it can be registered");
}

/// The next change, or a failure that says what was waited for.
async fn next(watch: &mut mpsc::Receiver<Change>, wanted: &str) -> Change {
    let env = Env::real();
    let change = env.until(env.now() + TTL, watch.recv()).await;
    change
        .unwrap_or_else(|| panic!("no change within {TTL:?}; wanted {wanted}"))
        .unwrap_or_else(|| panic!("the watch ended; wanted {wanted}"))
}

/// A new watch, and its snapshot.
async fn watch(discovery: &dyn Discovery) -> (mpsc::Receiver<Change>, Vec<NodeRecord>) {
    let mut watch = discovery.watch().await.expect("it can be watched");
    let mut snapshot = Vec::new();
    loop {
        match next(&mut watch, "the snapshot").await {
            Change::Put(node) => snapshot.push(node),
            Change::Synced => break,
            other => panic!("{other:?} in a snapshot"),
        }
    }
    snapshot.sort_by(|a, b| a.id.cmp(&b.id));
    (watch, snapshot)
}

/// Rule 1.
pub async fn a_watch_begins_with_a_snapshot<T: Discovery>(open: impl AsyncFn() -> T) {
    let discovery = open().await;
    let (mut early, none) = watch(&discovery).await;
    assert_eq!(none, []);
    register(&discovery, &node(2, 1)).await;
    register(&discovery, &node(10, 1)).await;
    let (mut late, snapshot) = watch(&discovery).await;
    assert_eq!(snapshot, [node(2, 1), node(10, 1)]);
    assert_eq!(next(&mut early, "app 2").await, Change::Put(node(2, 1)));
    assert_eq!(next(&mut early, "app 10").await, Change::Put(node(10, 1)));

    discovery.deregister(&id(2), Incarnation(1)).await.expect("it is registered");
    for watch in [&mut early, &mut late] {
        assert_eq!(next(watch, "a removal").await, Change::Remove(id(2), Incarnation(1)));
    }
    discovery.deregister(&id(2), Incarnation(1)).await.expect("it is gone, which is fine");
}

/// Rule 2.
pub async fn a_record_that_is_not_renewed_goes_away<T: Discovery>(open: impl AsyncFn() -> T) {
    let (discovery, env) = (open().await, Env::real());
    let (mut changes, _) = watch(&discovery).await;
    let ttl = TTL / 10;
    discovery.register(&node(1, 1), ttl).await.expect("it can be registered");
    assert_eq!(next(&mut changes, "app 1").await, Change::Put(node(1, 1)));

    let half = env.until(env.now() + ttl / 2, changes.recv()).await;
    assert_eq!(half, None, "nothing happens before the TTL");
    let renewed = env.now();
    discovery.register(&node(1, 1), ttl).await.expect("it can be renewed");
    let removed = env.until(renewed + ttl + GRACE, changes.recv()).await;
    let lived = env.now().saturating_duration_since(renewed);
    assert_eq!(removed, Some(Some(Change::Remove(id(1), Incarnation(1)))), "after {lived:?}");
    assert!(lived >= ttl, "it went away {lived:?} after it was renewed for {ttl:?}");
    assert_eq!(watch(&discovery).await.1, []);
}

/// Rule 3.
pub async fn an_update_reaches_every_watcher<T: Discovery>(open: impl AsyncFn() -> T) {
    let discovery = open().await;
    register(&discovery, &node(1, 1)).await;
    let (mut first, _) = watch(&discovery).await;
    let (mut second, _) = watch(&discovery).await;
    let mut changed = node(1, 1);
    changed.state = NodeState::Draining;
    changed.load = 7;
    register(&discovery, &changed).await;
    for watch in [&mut first, &mut second] {
        assert_eq!(next(watch, "the update").await, Change::Put(changed.clone()));
    }
}

/// Rule 4.
pub async fn a_later_incarnation_replaces_an_earlier_one<T: Discovery>(open: impl AsyncFn() -> T) {
    let discovery = open().await;
    register(&discovery, &node(1, 5)).await;
    let (mut changes, _) = watch(&discovery).await;
    register(&discovery, &node(1, 6)).await;
    assert_eq!(next(&mut changes, "the later life").await, Change::Put(node(1, 6)));
    let earlier = discovery.register(&node(1, 5), TTL).await;
    assert!(earlier.is_err(), "an earlier life came back");
    assert_eq!(watch(&discovery).await.1, [node(1, 6)]);
}

/// Rule 5.
pub async fn a_late_deregistration_leaves_the_new_incarnation<T: Discovery>(
    open: impl AsyncFn() -> T,
) {
    let discovery = open().await;
    register(&discovery, &node(1, 5)).await;
    register(&discovery, &node(1, 6)).await;
    discovery.deregister(&id(1), Incarnation(5)).await.expect("it is gone, which is fine");
    assert_eq!(watch(&discovery).await.1, [node(1, 6)]);
}

/// Rule 6.
pub async fn a_slow_watcher_is_told_to_start_over<T: Discovery>(open: impl AsyncFn() -> T) {
    let discovery = open().await;
    let (mut slow, _) = watch(&discovery).await;
    // Many at a time, because servers write each to a disk.
    let mut nodes: Vec<_> = (1..=SLOW_NODES).map(|n| node(n, 1)).collect();
    for load in 0..(2 * WATCH_BUFFER).div_ceil(nodes.len()) {
        for node in &mut nodes {
            node.load = u32::try_from(load).expect("a buffer is small");
        }
        join_all(nodes.iter().map(|node| register(&discovery, node))).await;
    }
    let env = Env::real();
    let mut seen = 0;
    while let Some(change) = env.until(env.now() + TTL, slow.recv()).await.expect("it ends") {
        assert!(matches!(change, Change::Put(_)), "{change:?}");
        seen += 1;
    }
    assert!(seen < 2 * WATCH_BUFFER, "{seen} changes were kept for a watcher that did not read");
    let (_, mut now) = watch(&discovery).await;
    now.sort_by(|a, b| a.id.cmp(&b.id));
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(now, nodes, "it starts over with what is true");
}
