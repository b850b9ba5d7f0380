//! Discovery with faults.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::discovery::{Change, Discovery, DiscoveryError, NodeRecord, WATCH_BUFFER};
use guildhall_core::{AppId, BoxFuture, Incarnation};
use tokio::sync::mpsc;

use super::{Does, Way, forward};

/// Discovery as one app sees it.
pub(crate) struct FaultyDiscovery {
    pub(crate) discovery: Arc<dyn Discovery>,
    pub(crate) way: Arc<Way>,
}

impl FaultyDiscovery {
    async fn carry<T: Send + 'static>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, DiscoveryError>> + Send + 'static,
    ) -> Result<T, DiscoveryError> {
        let message = || "the simulated discovery does not answer".to_owned();
        let result = self.way.carry(Does::Changes, request).await;
        result.unwrap_or_else(|_| Err(DiscoveryError { operation, message: message() }))
    }
}

impl Discovery for FaultyDiscovery {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        let (discovery, node) = (Arc::clone(&self.discovery), node.clone());
        Box::pin(self.carry("register", async move { discovery.register(&node, ttl).await }))
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        let (discovery, id) = (Arc::clone(&self.discovery), id.clone());
        let request = async move { discovery.deregister(&id, incarnation).await };
        Box::pin(self.carry("deregister", request))
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        let discovery = Arc::clone(&self.discovery);
        Box::pin(async move {
            let changes = self.carry("watch", async move { discovery.watch().await }).await?;
            let (to, watch) = mpsc::channel(WATCH_BUFFER);
            drop(self.way.env.spawn("sim-watch", forward(Arc::clone(&self.way), changes, to)));
            Ok(watch)
        })
    }
}
