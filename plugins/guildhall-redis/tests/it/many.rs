//! Many apps and many watchers.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use guildhall_core::discovery::{Change, Discovery, NodeRecord, NodeState};
use guildhall_core::{Env, Incarnation};
use guildhall_redis::RedisDiscovery;
use tokio::sync::mpsc;

use crate::server::{fresh, is_there, opened};

const NODES: u64 = 1000;
const WATCHERS: usize = 50;
const TTL: Duration = Duration::from_secs(120);

fn node(inst: u64, load: u32) -> NodeRecord {
    NodeRecord {
        id: format!("test.w1.role.{inst}").parse().unwrap(),
        incarnation: Incarnation(1),
        logic_addr: None,
        endpoints: [("link".to_owned(), format!("10.0.0.1:{}", 1000 + inst))].into(),
        version: "1.0".to_owned(),
        weight: 100,
        load,
        export: false,
        state: NodeState::Ready,
        services: vec!["demo.Greeter".to_owned(), "demo.Wallet".to_owned()],
        descriptors_hash: bytes::Bytes::from_static(b"hash"),
        labels: BTreeMap::new(),
    }
}

/// Reads up to the change that is wanted.
async fn sees(watch: &mut mpsc::Receiver<Change>, wanted: &Change) {
    loop {
        let change = watch.recv().await.expect("the watch goes on");
        if change == *wanted {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_among_a_thousand_apps_is_seen_by_fifty_watchers_within_a_second() {
    if !is_there("many::a_change_among_a_thousand_apps_is_seen_by_fifty_watchers_within_a_second") {
        return;
    }
    let (env, options) = (Env::real(), fresh());
    let apps: Vec<RedisDiscovery> =
        join_all((0..WATCHERS).map(|_| async { opened(&options).await.discovery() })).await;
    for some in (0..NODES).collect::<Vec<_>>().chunks(100) {
        let register = some.iter().map(|inst| {
            let app = &apps[usize::try_from(*inst).unwrap() % WATCHERS];
            async move { app.register(&node(*inst, 0), TTL).await.unwrap() }
        });
        join_all(register).await;
    }
    let mut watches = join_all(apps.iter().map(async |app| app.watch().await.unwrap())).await;
    for watch in &mut watches {
        for at in 0..NODES {
            let change = watch.recv().await.unwrap();
            assert!(matches!(change, Change::Put(_)), "{change:?} at {at}");
        }
        assert_eq!(watch.recv().await, Some(Change::Synced));
    }
    let mut slowest = Duration::ZERO;
    for load in 1..=20 {
        let changed = node(u64::from(load), load);
        let begun = env.now();
        apps[0].register(&changed, TTL).await.unwrap();
        let wanted = Change::Put(changed);
        join_all(watches.iter_mut().map(|watch| sees(watch, &wanted))).await;
        slowest = slowest.max(env.now() - begun);
    }
    println!("slowest of 20 changes, seen by all of {WATCHERS}: {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "a change took {slowest:?}");
}
