//! Faults of a discovery's server.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::discovery::{Change, Discovery, DiscoveryError, NodeRecord, NodeState};
use guildhall_core::{AppId, Env};

use super::ground::{RECOVERS, SLOW, STILL, Still, Vendor, answer, holder, until_it_works};

/// Longer than any fault here.
const TTL: Duration = Duration::from_secs(120);

pub(super) fn node(inst: u64, load: u32) -> NodeRecord {
    let holder = holder(inst);
    NodeRecord {
        id: holder.app,
        incarnation: holder.incarnation,
        logic_addr: None,
        endpoints: BTreeMap::new(),
        version: "1.0".to_owned(),
        weight: 100,
        load,
        export: false,
        state: NodeState::Ready,
        services: Vec::new(),
        descriptors_hash: bytes::Bytes::new(),
        labels: BTreeMap::new(),
    }
}

async fn register(discovery: &dyn Discovery, node: &NodeRecord) {
    until_it_works(async || discovery.register(node, TTL).await).await;
}

/// Watches as an app does, whose view stays when a stream ends, until the view is this one.
async fn sees(discovery: &dyn Discovery, wanted: &[NodeRecord]) {
    let env = Env::real();
    let end = env.now() + RECOVERS;
    let mut view = BTreeMap::<AppId, NodeRecord>::new();
    loop {
        let mut watch = until_it_works(async || discovery.watch().await).await;
        let mut snapshot = Some(BTreeMap::new());
        loop {
            if snapshot.is_none() && view.values().eq(wanted) {
                return;
            }
            let change = env.until(end, watch.recv()).await;
            let change = change.unwrap_or_else(|| panic!("it sees {view:?}, not {wanted:?}"));
            let now = snapshot.as_mut().unwrap_or(&mut view);
            match change {
                Some(Change::Put(node)) => drop(now.insert(node.id.clone(), node)),
                Some(Change::Remove(id, _)) => drop(now.remove(&id)),
                Some(Change::Synced) => view = snapshot.take().expect("one snapshot"),
                Some(Change::Probe(_)) => {}
                None => break,
            }
        }
    }
}

/// It is not there at the start, killed and started again, and stands still for ten seconds.
pub async fn a_discovery_outlives_its_server(vendor: Vendor) {
    let (mut server, place) = (vendor.server(), vendor.place());
    let discovery = place.open(&server.address()).await.discovery.unwrap();
    let absent: Result<(), DiscoveryError> = answer(discovery.register(&node(1, 0), TTL)).await;
    absent.expect_err("nobody is there");

    server.start();
    register(&*discovery, &node(1, 1)).await;
    sees(&*discovery, &[node(1, 1)]).await;

    // A watch that nobody reads meanwhile ends or goes on.
    let mut unread = until_it_works(async || discovery.watch().await).await;
    server.kill();
    answer(discovery.register(&node(1, 2), TTL)).await.expect_err("nobody is there");
    server.start();
    register(&*discovery, &node(1, 2)).await;
    sees(&*discovery, &[node(1, 2)]).await;
    let env = Env::real();
    let end = env.now() + RECOVERS;
    let is_told = |change: Option<Change>| {
        change.is_none_or(|change| matches!(change, Change::Put(node) if node.load == 2))
    };
    while !is_told(env.until(end, unread.recv()).await.expect("a watch hung over a restart")) {}

    let still = Still::stand(&server);
    let end = env.now() + STILL;
    while env.now() < end {
        let late = answer(discovery.register(&node(1, 3), TTL)).await;
        late.expect_err("a server that stands still answered");
    }
    drop(still);
    register(&*discovery, &node(1, 4)).await;
    sees(&*discovery, &[node(1, 4)]).await;
}

/// What changes while a watcher does not reach the server, it sees once it does.
pub async fn a_watch_misses_nothing_over_a_cut(vendor: Vendor) {
    let (proxy, place) = (vendor.proxy(), vendor.place());
    let direct = place.open(&crate::shared(vendor.recipe).address()).await.discovery.unwrap();
    let discovery = place.open(&proxy.address()).await.discovery.unwrap();
    register(&*direct, &node(1, 1)).await;
    register(&*direct, &node(2, 1)).await;
    sees(&*discovery, &[node(1, 1), node(2, 1)]).await;
    let wanted = [node(1, 2), node(3, 1)];
    let changes = async {
        Env::real().sleep(Duration::from_millis(300)).await;
        proxy.set_silent(true);
        register(&*direct, &node(1, 2)).await;
        register(&*direct, &node(3, 1)).await;
        let gone = node(2, 1);
        until_it_works(async || direct.deregister(&gone.id, gone.incarnation).await).await;
        proxy.cut();
        proxy.set_silent(false);
    };
    tokio::join!(sees(&*discovery, &wanted), changes);
}

/// 200 ms each way.
pub async fn a_discovery_works_slowly(vendor: Vendor) {
    let (proxy, place) = (vendor.proxy(), vendor.place());
    let discovery = place.open(&proxy.address()).await.discovery.unwrap();
    register(&*discovery, &node(1, 1)).await;
    proxy.set_delay(SLOW);
    register(&*discovery, &node(1, 2)).await;
    answer(discovery.register(&node(1, 3), TTL)).await.unwrap();
    sees(&*discovery, &[node(1, 3)]).await;
}
