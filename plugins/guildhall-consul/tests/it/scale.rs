//! A deployment at one agent: the figure that the README reports.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use guildhall_core::Env;
use guildhall_core::discovery::{Change, Discovery as _};
use servers::{CONSUL, Server};

use crate::ground::{discovery, node, runs};

const APPS: u64 = 1000;
const WATCHERS: usize = 50;
const CHANGES: u32 = 10;
const TTL: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn each_change_at_an_agent_reaches_the_watchers_of_fifty_apps() {
    if !runs("scale::each_change_at_an_agent_reaches_the_watchers_of_fifty_apps") {
        return;
    }
    let mut server = Server::new(&CONSUL);
    server.start();
    let (env, apps) = (Env::real(), discovery(&server, "t"));
    let register = |inst| {
        let apps = &apps;
        async move { while apps.register(&node(inst, 0), TTL).await.is_err() {} }
    };
    stream::iter(1..=APPS).for_each_concurrent(16, register).await;
    let watchers: Vec<_> = (0..WATCHERS).map(|_| discovery(&server, "t")).collect();
    let mut watches = Vec::new();
    for discovery in &watchers {
        let mut watch = discovery.watch().await.unwrap();
        let mut known = 0;
        while env.until(env.now() + PATIENCE, watch.recv()).await.unwrap() != Some(Change::Synced) {
            known += 1;
        }
        assert_eq!(known, APPS);
        watches.push(watch);
    }
    let mut slowest = Duration::ZERO;
    for load in 1..=CHANGES {
        let changed = node(u64::from(load), load);
        let begun = env.now();
        apps.register(&changed, TTL).await.unwrap();
        for watch in &mut watches {
            let seen = env.until(env.now() + PATIENCE, watch.recv()).await;
            assert_eq!(seen, Some(Some(Change::Put(changed.clone()))));
        }
        slowest = slowest.max(env.now().saturating_duration_since(begun));
    }
    println!("{CHANGES} changes reached all watchers, the slowest within {slowest:?}");
}
