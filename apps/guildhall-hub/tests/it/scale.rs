//! A large deployment at one hub.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use guildhall_core::discovery::{Change, Discovery as _, NodeRecord, NodeState};
use guildhall_core::{Env, Incarnation};
use tokio::sync::mpsc;

use crate::world::{WITHIN, World};

const APPS: u64 = 1000;
const WATCHERS: usize = 50;
const TTL: Duration = Duration::from_secs(600);

fn node(inst: u64, load: u32) -> NodeRecord {
    NodeRecord {
        id: format!("test.w1.far.{inst}").parse().unwrap(),
        incarnation: Incarnation(1),
        logic_addr: None,
        endpoints: [("link".to_owned(), format!("10.0.0.1:{inst}"))].into(),
        version: "1.0".to_owned(),
        weight: 100,
        load,
        export: false,
        state: NodeState::Ready,
        services: Vec::new(),
        descriptors_hash: Default::default(),
        labels: [].into(),
    }
}

async fn next(watch: &mut mpsc::Receiver<Change>, wanted: &str) -> Change {
    let env = Env::real();
    let change = env.until(env.now() + WITHIN, watch.recv()).await;
    change
        .unwrap_or_else(|| panic!("no change within {WITHIN:?}; wanted {wanted}"))
        .unwrap_or_else(|| panic!("the watch ended; wanted {wanted}"))
}

#[tokio::test]
async fn at_a_hub_each_change_of_a_thousand_registrations_reaches_fifty_apps_within_a_second() {
    let (world, env) = (World::new(), Env::real());
    world.restart().await;
    let client = world.client().await;
    let apps = client.discovery();
    let begun = env.now();
    let registrations = stream::iter(1..=APPS).map(|inst| {
        let apps = &apps;
        async move { apps.register(&node(inst, 0), TTL).await.unwrap() }
    });
    registrations.buffer_unordered(64).for_each(async |()| {}).await;
    let took = env.now() - begun;

    let mut watches = Vec::new();
    for n in 0..WATCHERS {
        let watcher = world.client_of(&format!("test.w1.watcher.{n}")).await;
        let mut watch = watcher.discovery().watch().await.unwrap();
        let mut known = 0;
        while next(&mut watch, "the snapshot").await != Change::Synced {
            known += 1;
        }
        assert_eq!(known, APPS);
        watches.push((watcher, watch));
    }
    let mut seen = Vec::new();
    for inst in 1..=20 {
        let (changed, begun) = (node(inst * 50, 1), env.now());
        let all = watches.iter_mut().map(|(_, watch)| async {
            assert_eq!(next(watch, "the change").await, Change::Put(changed.clone()));
        });
        let registered = async { apps.register(&changed, TTL).await.unwrap() };
        tokio::join!(join_all(all), registered);
        seen.push(env.now() - begun);
    }
    seen.sort();
    let (median, last) = (seen[seen.len() / 2], seen[seen.len() - 1]);
    println!(
        "{APPS} registrations in {took:?}; {WATCHERS} apps saw a change in {median:?}, at most {last:?}"
    );
    assert!(last < Duration::from_secs(1), "{last:?} until all have seen a change");
}
