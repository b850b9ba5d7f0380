//! The fixture: apps, holders, and short forms of requests.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::discovery::{Change, Discovery, NodeRecord, NodeState};
use guildhall_core::leases::{Acquired, Leases, Wanted};
use guildhall_core::store::Holder;
use guildhall_core::{AppId, Env, Incarnation};
use tokio::sync::mpsc;

/// Longer than any test.
pub(crate) const TTL: Duration = Duration::from_secs(120);
/// Long enough for anything that is to come.
const WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn node(inst: u64, load: u32) -> NodeRecord {
    NodeRecord {
        id: app(inst),
        incarnation: Incarnation(1),
        logic_addr: None,
        endpoints: [("link".to_owned(), format!("10.0.0.1:{inst}"))].into(),
        version: "1.0".to_owned(),
        weight: 100,
        load,
        export: false,
        state: NodeState::Ready,
        services: Vec::new(),
        descriptors_hash: Bytes::new(),
        labels: [].into(),
    }
}

fn app(inst: u64) -> AppId {
    format!("test.w1.role.{inst}").parse().unwrap()
}

pub(crate) fn holder(inst: u64) -> Holder {
    Holder { app: app(inst), incarnation: Incarnation(1) }
}

/// A grant, and its epoch.
pub(crate) async fn grant(leases: &impl Leases, holder: &Holder, id: &str) -> u64 {
    let wanted = [Wanted { id: id.into(), at_least: 0 }];
    match leases.acquire(holder, &wanted).await.unwrap()[..] {
        [Acquired::Held { epoch, .. }] => epoch,
        ref other => panic!("{other:?}; wanted a grant of `{id}` to {holder}"),
    }
}

/// The next change, or a failure that says what was waited for.
pub(crate) async fn next(watch: &mut mpsc::Receiver<Change>, wanted: &str) -> Change {
    let env = Env::real();
    let change = env.until(env.now() + WITHIN, watch.recv()).await;
    change
        .unwrap_or_else(|| panic!("no change within {WITHIN:?}; wanted {wanted}"))
        .unwrap_or_else(|| panic!("the watch ended; wanted {wanted}"))
}

/// A new watch, and its snapshot in the order of the apps.
pub(crate) async fn watch(discovery: &impl Discovery) -> (mpsc::Receiver<Change>, Vec<NodeRecord>) {
    let mut watch = discovery.watch().await.unwrap();
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

pub(crate) async fn registered(discovery: &impl Discovery) -> Vec<NodeRecord> {
    watch(discovery).await.1
}

/// Repeats a request until it succeeds.
pub(crate) async fn until_it_works<T, E: std::fmt::Display>(
    mut request: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let env = Env::real();
    let end = env.now() + WITHIN;
    loop {
        match request().await {
            Ok(done) => return done,
            Err(error) => assert!(env.now() < end, "it does not work again: {error}"),
        }
        env.sleep(Duration::from_millis(100)).await;
    }
}
