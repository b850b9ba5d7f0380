//! A discovery that loses its memory, and what calls see of it.

use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::discovery::{Change, Discovery, DiscoveryError, NodeRecord};
use guildhall::status::reason;
use guildhall::{AppId, BoxFuture, Env};
use guildhall_core::Incarnation;
use guildhall_testkit::Cluster;
use parking_lot::RwLock;
use proto::hello::GreeterServer;
use tokio::sync::mpsc;

use crate::world::{CALLER, GREETER, Hello, say};

/// How long a registration is good for (`app.discovery_ttl_ms`).
const TTL: Duration = Duration::from_secs(10);

/// In memory, until it begins anew.
#[derive(Clone)]
struct Forgetful(Arc<RwLock<Present>>);

struct Present {
    discovery: MemoryDiscovery,
    /// Who cannot register.
    cut_off: Option<AppId>,
}

impl Forgetful {
    fn new(env: Env) -> Self {
        let present = Present { discovery: MemoryDiscovery::new(env), cut_off: None };
        Self(Arc::new(RwLock::new(present)))
    }

    /// Ends all watches; nobody is registered.
    fn begin_anew(&self, env: Env, cut_off: Option<&str>) {
        let cut_off = cut_off.map(|id| id.parse().unwrap());
        *self.0.write() = Present { discovery: MemoryDiscovery::new(env), cut_off };
    }
}

impl Discovery for Forgetful {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            let discovery = {
                let present = self.0.read();
                if present.cut_off.as_ref() == Some(&node.id) {
                    let message = "cut off".to_owned();
                    return Err(DiscoveryError { operation: "register", message });
                }
                present.discovery.clone()
            };
            discovery.register(node, ttl).await
        })
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            let discovery = self.0.read().discovery.clone();
            discovery.deregister(id, incarnation).await
        })
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move {
            let discovery = self.0.read().discovery.clone();
            discovery.watch().await
        })
    }
}

async fn cluster() -> (Cluster, Forgetful) {
    let mut cluster = Cluster::new(1);
    // The simulator's clock is the tokio clock of the test, in every world.
    let discovery = Forgetful::new(Env::real());
    let given = discovery.clone();
    let greeter = move |app: guildhall::App| {
        app.discovery(Arc::new(given.clone())).serve(GreeterServer::new(Hello))
    };
    cluster.start(GREETER, greeter).await.unwrap();
    let given = discovery.clone();
    cluster.start(CALLER, move |app| app.discovery(Arc::new(given.clone()))).await.unwrap();
    cluster.advance(Duration::from_secs(1)).await;
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");
    (cluster, discovery)
}

#[tokio::test(start_paused = true)]
async fn calls_go_on_while_a_discovery_that_has_begun_anew_knows_nobody() {
    let (cluster, discovery) = cluster().await;
    for _ in 0..3 {
        discovery.begin_anew(Env::real(), None);
        for _ in 0..4 * TTL.as_secs() {
            cluster.advance(Duration::from_millis(500)).await;
            assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_register_again_is_given_up_after_its_ttl() {
    let (cluster, discovery) = cluster().await;
    discovery.begin_anew(Env::real(), Some(GREETER));
    cluster.advance(TTL - Duration::from_secs(1)).await;
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");
    // The watch was opened again within link.redial_max_ms.
    cluster.advance(Duration::from_secs(4)).await;
    let gone = say(&cluster.cx(CALLER), "you").await.unwrap_err();
    assert_eq!(gone.reason(), reason::NO_ROUTE);

    discovery.begin_anew(Env::real(), None);
    cluster.advance(TTL).await;
    assert_eq!(say(&cluster.cx(CALLER), "you").await.unwrap(), "hello, you");
}
