//! A large deployment on one server.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use guildhall_core::Env;
use guildhall_core::discovery::{Change, Discovery as _};
use servers::{Recipe, Server};

use crate::ground::{node, on_each_version, seams_of, within};
use crate::json::metric;

on_each_version! {
    each_change_of_a_thousand_registrations_reaches_fifty_watchers_within_a_second
}

const APPS: u64 = 1000;
const PROCESSES: usize = 10;
const WATCHERS: usize = 5;
const CHANGES: u32 = 20;
const TTL: Duration = Duration::from_secs(600);

async fn each_change_of_a_thousand_registrations_reaches_fifty_watchers_within_a_second(
    version: &'static Recipe,
) {
    let mut server = Server::new(version);
    server.start();
    let (env, apps) = (Env::real(), seams_of(&server, "t").discovery);
    let register = |inst| {
        let apps = &apps;
        async move { apps.register(&node(inst, 0), TTL).await.unwrap() }
    };
    stream::iter(1..=APPS).for_each_concurrent(64, register).await;

    let processes: Vec<_> = (0..PROCESSES).map(|_| seams_of(&server, "t").discovery).collect();
    let mut watches = Vec::new();
    for discovery in processes.iter().flat_map(|discovery| [discovery; WATCHERS]) {
        let mut watch = discovery.watch().await.unwrap();
        let mut known = 0;
        let snapshot = async {
            while watch.recv().await.unwrap() != Change::Synced {
                known += 1;
            }
        };
        within(Duration::from_secs(60), "a snapshot", snapshot).await;
        assert_eq!(known, APPS);
        watches.push(watch);
    }
    let streams = async {
        // A stream is opened after its snapshot.
        while metric(&server, "etcd_debugging_mvcc_watcher_total") < PROCESSES as f64 {
            env.sleep(Duration::from_millis(50)).await;
        }
    };
    within(Duration::from_secs(60), "a watch per process", streams).await;
    let mut slowest = Duration::ZERO;
    for load in 1..=CHANGES {
        let changed = node(u64::from(load) * 40, load);
        let begun = env.now();
        apps.register(&changed, TTL).await.unwrap();
        for watch in &mut watches {
            let seen = within(Duration::from_secs(60), "a change", watch.recv()).await;
            assert_eq!(seen, Some(Change::Put(changed.clone())));
        }
        slowest = slowest.max(env.now().saturating_duration_since(begun));
    }
    #[allow(clippy::print_stdout, reason = "the figure of the README")]
    let () = println!("{CHANGES} changes reached all watchers, the slowest within {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert_eq!(metric(&server, "etcd_debugging_mvcc_watcher_total"), PROCESSES as f64, "streams");
    let asked = metric(&server, "etcd_mvcc_range_total");
    env.sleep(Duration::from_secs(4)).await;
    let reads = metric(&server, "etcd_mvcc_range_total") - asked;
    assert!(reads < 0.5, "{reads} reads while nothing changes: somebody polls");
}
