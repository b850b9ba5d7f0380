//! Places on Consul agents.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use guildhall_consul::{ConsulDiscovery, Settings};
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_core::{Env, Incarnation};
use servers::{CONSUL, Server, is_there};

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
