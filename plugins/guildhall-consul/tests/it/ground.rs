//! Places on Consul agents.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_consul::{ConsulDiscovery, KvLeases, Settings};
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_core::leases::{Acquired, Leases, Wanted};
use guildhall_core::store::Holder;
use guildhall_core::{Env, Incarnation};
use servers::{CONSUL, Server, is_there};

const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the test with this name can run.
pub(crate) fn runs(test: &str) -> bool {
    is_there(&CONSUL, test)
}

/// A service that no other test has.
pub(crate) fn fresh_service() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// What a client has at this agent.
pub(crate) fn discovery(server: &Server, service: &str) -> ConsulDiscovery {
    let url = format!("{}?service={service}&deadline_ms=60000", server.url());
    ConsulDiscovery::new(&Env::real(), Settings::parse(&url).unwrap(), "test")
}

/// The leases at this agent, when it has a leader.
pub(crate) async fn leases(server: &Server, service: &str) -> KvLeases {
    let env = Env::real();
    let url = format!("{}?service={service}&deadline_ms=10000", server.url());
    let leases = guildhall_consul::leases(&env, Settings::parse(&url).unwrap(), "test");
    let end = env.now() + PATIENCE;
    while let Err(error) = leases.watch("").await {
        assert!(env.now() < end, "no leases within {PATIENCE:?}: {error}");
        env.sleep(Duration::from_millis(100)).await;
    }
    leases
}

pub(crate) fn holder(inst: u64) -> Holder {
    Holder { app: format!("test.w1.role.{inst}").parse().unwrap(), incarnation: Incarnation(1) }
}

/// A grant, and its epoch.
pub(crate) async fn grant(leases: &impl Leases, holder: &Holder, id: &str) -> u64 {
    let wanted = [Wanted { id: id.into(), at_least: 0 }];
    match leases.acquire(holder, &wanted).await.unwrap()[..] {
        [Acquired::Held { epoch, .. }] => epoch,
        ref other => panic!("{other:?}; wanted a grant of `{id}` to {holder}"),
    }
}

pub(crate) fn node(inst: u64, load: u32) -> NodeRecord {
    NodeRecord {
        id: format!("test.w1.role.{inst}").parse().unwrap(),
        incarnation: Incarnation(1),
        logic_addr: None,
        endpoints: BTreeMap::from([("link".to_owned(), "127.0.0.1:7000".to_owned())]),
        version: "1.0".to_owned(),
        weight: 100,
        load,
        export: false,
        state: NodeState::Ready,
        services: vec!["demo.Greeter".to_owned(), "demo.Counter".to_owned()],
        descriptors_hash: Bytes::from_static(b"hash"),
        labels: BTreeMap::new(),
    }
}
