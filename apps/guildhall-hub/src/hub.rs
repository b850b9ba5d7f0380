//! [`Hub`]: the component that serves the seams, and their shared state.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guildhall_core::broker::memory::MemoryBroker;
use guildhall_core::config::Config;
use guildhall_core::discovery::memory::MemoryDiscovery;
use guildhall_core::leases::memory::MemoryLeases;
use guildhall_core::metrics::Gauge;
use guildhall_core::queue::memory::{MemoryQueue, QueueLimits};
use guildhall_core::status::reason;
use guildhall_core::{BoxFuture, Code, Env, Status};
use guildhall_hub::proto::{
    BrokerServer, DiscoveryServer, LeasesServer, QueueServer, StoreServer, StreamsServer,
};
use guildhall_redb::{RedbStore, Settings};
use guildhall_runtime::{Component, Cx, Service, StartError};
use tokio_util::sync::CancellationToken;

use crate::HubConfig;
use crate::kept::Kept;
use crate::streams::Streams;
use crate::tables::Tables;

/// Serves the seams of the core to other apps: `App::component(Hub::default())`. Clones are the same hub.
#[derive(Clone, Debug, Default)]
pub struct Hub(Arc<OnceLock<Parts>>);

/// What the services work on, from the start of the app on.
pub(crate) struct Parts {
    pub(crate) config: HubConfig,
    pub(crate) discovery: MemoryDiscovery,
    pub(crate) broker: MemoryBroker,
    pub(crate) queue: MemoryQueue,
    pub(crate) leases: MemoryLeases,
    pub(crate) store: Arc<RedbStore>,
    pub(crate) streams: Streams,
    pub(crate) tables: Tables,
    /// Ends the questions that wait.
    pub(crate) draining: CancellationToken,
}

impl Hub {
    pub(crate) fn parts(&self) -> Result<&Parts, Status> {
        let starting = || Status::not_run(Code::Unavailable, reason::NOT_READY, "the hub starts");
        self.0.get().ok_or_else(starting)
    }
}

impl Hub {
    /// Whether its file takes writes: for `/readyz`.
    pub(crate) fn disk(&self) -> Result<(), String> {
        match self.0.get() {
            Some(parts) if parts.store.is_failing() => Err(format!(
                "hub.data = \"{}\" takes no writes; is the disk full?",
                parts.config.data
            )),
            _ => Ok(()),
        }
    }
}

impl Parts {
    async fn open(env: &Env, config: HubConfig) -> Result<Self, StartError> {
        let wrong = |error: String| {
            StartError::backend("hub.data", format!("hub.data = \"{}\": {error}", config.data))
        };
        let settings = Settings::parse(&config.data).map_err(wrong)?;
        let store = RedbStore::open(env, settings).await.map_err(|e| wrong(e.to_string()))?;
        let store = Arc::new(store);
        let file = Kept::open(Arc::clone(&store)).await.map_err(|e| wrong(e.to_string()))?;
        let kept = file.read().await.map_err(|e| wrong(e.to_string()))?;
        let ack_wait = Duration::from_millis(config.ack_wait_ms);
        let limits = QueueLimits {
            items: config.queue_items_max,
            bytes: config.queue_bytes_max,
            queues: config.queues_max,
        };
        let draining = CancellationToken::new();
        Ok(Self {
            discovery: MemoryDiscovery::new(env.clone()),
            broker: MemoryBroker::new(),
            queue: MemoryQueue::with(env.clone(), ack_wait, limits),
            leases: MemoryLeases::durable(env.clone(), kept, Arc::new(file)),
            store,
            streams: Streams::new(env.clone(), &config, draining.clone()),
            tables: Tables::new(config.tables_max),
            draining,
            config,
        })
    }
}

impl Component for Hub {
    fn services(self: Arc<Self>) -> Vec<Arc<dyn Service>> {
        let hub = || Self(Arc::clone(&self.0));
        vec![
            Arc::new(StreamsServer::new(hub())),
            Arc::new(DiscoveryServer::new(hub())),
            Arc::new(BrokerServer::new(hub())),
            Arc::new(QueueServer::new(hub())),
            Arc::new(LeasesServer::new(hub())),
            Arc::new(StoreServer::new(hub())),
        ]
    }

    fn start<'a>(
        self: Arc<Self>,
        config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>> {
        Box::pin(async move {
            let parts = Parts::open(cx.env(), config.section("hub")?).await?;
            let help = "Bytes of pages of the hub's file in memory: at most cache_mb of hub.data";
            let cached = cx.metrics().gauge("guildhall_hub_cache_bytes", help, &[])?;
            cached.adopt(&[], &Gauge::of(parts.store.cached()));
            let _first = self.0.set(parts);
            Ok(())
        })
    }

    fn drain(self: Arc<Self>, _cx: Cx) -> BoxFuture<'static, ()> {
        if let Some(parts) = self.0.get() {
            parts.draining.cancel();
        }
        Box::pin(std::future::ready(()))
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A request that no client of this version sends.
pub(crate) fn nonsense(what: &str) -> Status {
    let why = format!("the request has no valid {what}; use a client of the same version");
    Status::new(Code::InvalidArgument, why).with_reason(reason::BAD_REQUEST)
}
