//! A cluster on one server: many apps, a pooler between, and addresses that lead nowhere.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::discovery::{Change, Discovery as _, NodeRecord, NodeState};
use guildhall_core::leases::{LeaseErrorKind, Leases as _};
use guildhall_core::store::{Holder, Migrate, Store as _};
use guildhall_core::{Env, Incarnation};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::ground::{HERO, PATIENT, app, fresh_schema, is_there, open, shared, url};

const NODES: u64 = 1000;
const WATCHERS: usize = 50;
/// A TTL that no busy machine misses.
const TTL: Duration = Duration::from_secs(600);

fn node(inst: u64, load: u32) -> NodeRecord {
    NodeRecord {
        id: format!("test.w1.role.{inst}").parse().unwrap(),
        incarnation: Incarnation(1),
        logic_addr: None,
        endpoints: [("link".to_owned(), format!("127.0.0.1:{}", 7000 + inst))].into(),
        version: "1.0".to_owned(),
        weight: 100,
        load,
        export: false,
        state: NodeState::Ready,
        services: vec!["demo.Greeter".to_owned()],
        descriptors_hash: bytes::Bytes::from_static(b"hash"),
        labels: BTreeMap::new(),
    }
}

async fn next(watch: &mut mpsc::Receiver<Change>) -> Change {
    let env = Env::real();
    let next = env.until(env.now() + Duration::from_secs(120), watch.recv()).await;
    next.expect("nothing came").expect("the watch ended")
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "it prints the figures of its run")]
async fn of_a_thousand_registrations_each_change_reaches_fifty_apps_within_a_second() {
    if !is_there(
        "cluster::of_a_thousand_registrations_each_change_reaches_fifty_apps_within_a_second",
    ) {
        return;
    }
    let (env, schema) = (Env::real(), fresh_schema());
    let writer = app(&schema).discovery();
    let began = env.now();
    for some in (0..NODES).collect::<Vec<_>>().chunks(50) {
        let nodes: Vec<_> = some.iter().map(|inst| node(*inst, 0)).collect();
        let all = nodes.iter().map(|node| writer.register(node, TTL));
        futures_util::future::try_join_all(all).await.unwrap();
    }
    println!("{NODES} registrations in {:?}", env.now() - began);

    // An app of its own each: nothing is shared but the server.
    let mut watches = Vec::new();
    for _ in 0..WATCHERS {
        let apps = app(&schema).discovery();
        let mut watch = apps.watch().await.unwrap();
        let mut seen = 0;
        while next(&mut watch).await != Change::Synced {
            seen += 1;
        }
        assert_eq!(seen, NODES);
        watches.push((apps, watch));
    }
    let mut took = Vec::new();
    for load in 1..=20 {
        let changed = node(u64::from(load) * 7, load);
        let began = env.now();
        writer.register(&changed, TTL).await.unwrap();
        for (_, watch) in &mut watches {
            assert_eq!(next(watch).await, Change::Put(changed.clone()));
        }
        took.push(env.now() - began);
    }
    took.sort();
    println!("a change reached {WATCHERS} apps within {took:?}");
    let median = took[took.len() / 2];
    assert!(median < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_keeps_notifications_is_named_and_the_store_works_behind_it() {
    if !is_there(
        "cluster::a_pooler_that_keeps_notifications_is_named_and_the_store_works_behind_it",
    ) {
        return;
    }
    let address = pooler().await;
    let through = (servers::POSTGRES.url)(&address);
    let server = open(&url(&through, &fresh_schema(), "&deadline_ms=10000&sslmode=disable"));
    let holder = Holder { app: node(1, 0).id, incarnation: Incarnation(1) };
    let error = server.leases().open(&holder, None, TTL).await.unwrap_err();
    assert_eq!(error.kind, LeaseErrorKind::Unavailable);
    let refused = [
        error.to_string(),
        server.discovery().register(&node(1, 0), TTL).await.unwrap_err().to_string(),
        server.discovery().watch().await.unwrap_err().to_string(),
    ];
    for why in refused {
        assert!(why.contains("a pooler in transaction mode keeps them"), "{why}");
    }
    server.store().prepare(&[&HERO], Migrate::Auto).await.unwrap();
}

/// As a pooler in transaction mode: it passes all but notifications. An address.
async fn pooler() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let env = Env::real();
    let server = servers::shared(&servers::POSTGRES).address();
    env.clone().spawn("test.pooler", async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            env.spawn("test.pooler.requests", async move {
                tokio::io::copy(&mut from_client, &mut to_server).await.map(drop)
            });
            env.spawn("test.pooler.answers", async move {
                loop {
                    let mut head = [0; 5];
                    from_server.read_exact(&mut head).await?;
                    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
                    let mut body = vec![0; usize::try_from(length).unwrap() - 4];
                    from_server.read_exact(&mut body).await?;
                    if head[0] != b'A' {
                        to_client.write_all(&[&head[..], &body].concat()).await?;
                    }
                }
                #[allow(unreachable_code, reason = "it names the error")]
                Ok::<(), std::io::Error>(())
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_lead_nowhere_delay_no_connection_for_long() {
    if !is_there("cluster::addresses_that_lead_nowhere_delay_no_connection_for_long") {
        return;
    }
    // It accepts connections and never answers.
    let hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hole = hole.local_addr().unwrap().to_string();
    let (env, before) = (Env::real(), Env::real().now());
    let holes = url(
        &shared().replace('@', &format!("@{hole},{hole},127.0.0.1:1,")),
        &fresh_schema(),
        PATIENT,
    );
    open(&holes).store().prepare(&[&HERO], Migrate::Auto).await.unwrap();
    let took = env.now() - before;
    assert!(took < Duration::from_secs(30), "it took {took:?}");
}
