//! [`RunningApp`]: an app that runs, and how it ends without losing a call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use guildhall_core::discovery::{Discovery, NodeState};
use tokio::task::JoinHandle;

use super::AppInner;
use crate::component::Component;
use crate::cx::Cx;

/// An app that runs. Dropping it does not stop it; [`RunningApp::shutdown`] does.
pub struct RunningApp {
    pub(super) inner: Arc<AppInner>,
    pub(super) components: Vec<Arc<dyn Component>>,
    pub(super) link_addr: Option<SocketAddr>,
    pub(super) discovery: Arc<dyn Discovery>,
    pub(super) drain: Duration,
    pub(super) tasks: Vec<JoinHandle<Option<()>>>,
}

impl RunningApp {
    /// A context to make calls from, outside of any call.
    pub fn cx(&self) -> Cx {
        Cx::outside(Arc::clone(&self.inner))
    }

    /// Where the app listens for links, if it does.
    pub fn link_addr(&self) -> Option<SocketAddr> {
        self.link_addr
    }

    /// Drains and stops: peers send no new calls, components tell their clients, the calls that run end, actors are saved; or
    /// `app.drain_ms` is over.
    ///
    /// # Cancel safety
    /// Dropped, it stops nothing that it has not stopped yet.
    pub async fn shutdown(self) {
        let inner = &self.inner;
        inner.record.write().state = NodeState::Draining;
        inner.draining.cancel();
        let deadline = inner.env.now() + self.drain;
        let deregistered = self.discovery.deregister(&inner.id, inner.incarnation);
        if let Some(Err(error)) = inner.env.until(deadline, deregistered).await {
            tracing::warn!(%error, "not deregistered; the record goes with its TTL");
        }
        if inner.env.until(deadline, self.drained()).await.is_none() {
            tracing::warn!("not all was done at the end of app.drain_ms; the rest is dropped");
        }
        if let Some(tracer) = &inner.tracer {
            tracer.flush().await;
        }
        inner.env.kill();
        // Its address and its store are free when this returns.
        for task in self.tasks {
            let _killed = task.await;
        }
        inner.store.write().take();
    }

    async fn drained(&self) {
        let inner = &self.inner;
        let cx = || Cx::outside(Arc::clone(inner));
        join_all(self.components.iter().map(|part| Arc::clone(part).drain(cx()))).await;
        inner.in_flight.wait_empty().await;
        join_all(inner.rooms.iter().map(|room| room.drain())).await;
        // The last replies leave their sockets.
        inner.env.sleep(Duration::from_millis(20)).await;
    }
}

impl std::fmt::Debug for RunningApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningApp").field("id", &self.inner.id).finish_non_exhaustive()
    }
}
