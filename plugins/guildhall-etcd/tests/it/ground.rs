//! Places on etcd servers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::discovery::{NodeRecord, NodeState};
use guildhall_core::leases::{Acquired, LeaseError, LeaseSession, LeaseTimes, Wanted};
use guildhall_core::store::Holder;
use guildhall_core::{Env, Incarnation};
use guildhall_etcd::{EtcdLeases, EtcdSeams, Settings};
use servers::{ETCD, Server, is_there};

/// A deadline that no busy machine misses.
pub(crate) const PATIENT: &str = "deadline_ms=60000";

/// Makes tests of functions that take a version's recipe: one on Debian's server, and one on today's.
macro_rules! on_each_version {
    ($($test:ident)*) => {
        $crate::ground::on_each_version! { @on debian ETCD $($test)* }
        $crate::ground::on_each_version! { @on today ETCD_TODAY $($test)* }
    };
    (@on $version:ident $recipe:ident $($test:ident)*) => {
        mod $version {
            $(#[::tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if ::servers::is_there(&::servers::$recipe, concat!(module_path!(), "::", stringify!($test))) {
                    super::$test(&::servers::$recipe).await;
                }
            })*
        }
    };
}
pub(crate) use on_each_version;

/// Whether the test with this name can run on Debian's server.
pub(crate) fn runs(test: &str) -> bool {
    is_there(&ETCD, test)
}

/// A prefix that no other test has.
pub(crate) fn fresh_prefix() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// What a client has at these addresses.
pub(crate) fn seams(addresses: &str, prefix: &str, options: &str) -> EtcdSeams {
    let url = format!("etcd://{addresses}?prefix={prefix}&{options}");
    EtcdSeams::new(&Env::real(), Settings::parse(&url).unwrap(), "test")
}

/// What a client has at this server.
pub(crate) fn seams_of(server: &Server, prefix: &str) -> EtcdSeams {
    seams(&server.address(), prefix, PATIENT)
}

pub(crate) fn holder(inst: u64) -> Holder {
    let app = format!("test.w1.role.{inst}").parse().unwrap();
    Holder { app, incarnation: Incarnation(inst) }
}

pub(crate) fn node(inst: u64, load: u32) -> NodeRecord {
    let Holder { app, incarnation } = holder(inst);
    NodeRecord {
        id: app,
        incarnation,
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

/// A session of that holder, with what it needs to be shared.
pub(crate) async fn session(leases: EtcdLeases, inst: u64, ttl: Duration) -> LeaseSession {
    let times = LeaseTimes { ttl, margin: ttl / 10 };
    LeaseSession::open(Env::real(), Arc::new(leases), holder(inst), times).await.unwrap()
}

pub(crate) async fn acquire(session: &LeaseSession, id: &str) -> Result<Acquired, LeaseError> {
    let wanted = [Wanted { id: id.into(), at_least: 0 }];
    session.acquire(&wanted).await.map(|mut acquired| acquired.remove(0))
}

/// What happens within that time, or a failure that says what was waited for.
pub(crate) async fn within<T>(time: Duration, what: &str, future: impl Future<Output = T>) -> T {
    let env = Env::real();
    let done = env.until(env.now() + time, future).await;
    done.unwrap_or_else(|| panic!("not within {time:?}: {what}"))
}
