//! A thousand registrations and fifty watchers.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use guildhall_core::Env;
use guildhall_core::discovery::{Change, Discovery as _};

use crate::ground::{TTL, next, node, watch};
use crate::server::{fresh, is_there, seams};

const APPS: u64 = 1000;
const WATCHERS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_a_thousand_apps_is_seen_by_fifty_clients_within_a_second() {
    if !is_there("size::each_change_of_a_thousand_apps_is_seen_by_fifty_clients_within_a_second") {
        return;
    }
    let (prefix, env) = (fresh(), Env::real());
    let app = seams(&prefix, "").await;
    let begun = env.now();
    let registrations = stream::iter(1..=APPS).map(|inst| {
        let app = &app;
        async move { app.discovery.register(&node(inst, 0), TTL).await.unwrap() }
    });
    registrations.buffer_unordered(64).for_each(async |()| {}).await;
    let took = env.now() - begun;

    let mut watches = Vec::new();
    for _ in 0..WATCHERS {
        let watcher = seams(&prefix, "").await;
        let (watch, snapshot) = watch(&watcher.discovery).await;
        assert_eq!(snapshot.len(), usize::try_from(APPS).unwrap());
        watches.push((watcher, watch));
    }
    let mut seen = Vec::new();
    for inst in 1..=20 {
        let (changed, begun) = (node(inst * 50, 1), env.now());
        let all = watches.iter_mut().map(|(_, watch)| async {
            assert_eq!(next(watch, "the change").await, Change::Put(changed.clone()));
        });
        let registered = async { app.discovery.register(&changed, TTL).await.unwrap() };
        tokio::join!(join_all(all), registered);
        seen.push(env.now() - begun);
    }
    seen.sort();
    let (median, last) = (seen[seen.len() / 2], seen[seen.len() - 1]);
    println!(
        "{APPS} registrations in {took:?}; {WATCHERS} clients saw a change in {median:?}, at most {last:?}"
    );
    assert!(last < Duration::from_secs(1), "{last:?} until all have seen a change");
}
