//! [`RunningApp`]: a running app, and its shutdown, which loses no call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use guildhall_core::Status;
use guildhall_core::discovery::Discovery;
use guildhall_core::env::Instant;
use tokio::task::JoinHandle;

use super::backends::LazyBackends;
use super::drain_asked::DrainAsked;
use super::hooks::Ending;
use super::presence::Presence;
use crate::actor::ActorPart;
use crate::app::component::Component;
use crate::call::callback::Callbacks;
use crate::call::service::Drain;
use crate::call::{Core, Cx};
use crate::proto::{DrainingMsg, OwnershipClient};
use crate::serve::reload::{Reloaded, Reloads};
use crate::serve::rows::OpenStore;

/// Time for discovery to accept that this app drains. After it, apps that have no link are dialled and told.
const DISCOVERY_TELLS: Duration = Duration::from_secs(1);

/// A running app. Dropping this does not stop it; [`RunningApp::shutdown`] does.
#[must_use = "only `shutdown` drains the app"]
pub struct RunningApp {
    pub(super) core: Arc<Core>,
    /// The queues of SERIAL and INTERLEAVED services.
    pub(super) queues: Vec<Arc<dyn Drain>>,
    pub(super) presence: Arc<Presence>,
    pub(super) components: Vec<Arc<dyn Component>>,
    pub(super) link_addr: Option<SocketAddr>,
    pub(super) discovery: Arc<dyn Discovery>,
    pub(super) drain: Duration,
    pub(super) ttl: Duration,
    pub(super) tasks: Vec<JoinHandle<Option<()>>>,
    pub(super) ending: Ending,
}

impl RunningApp {
    /// A context for calls from outside of any handler.
    pub fn cx(&self) -> Cx {
        Cx::outside(&self.core)
    }

    /// The bound address for links; `None` if `link.listen` is empty.
    pub fn link_addr(&self) -> Option<SocketAddr> {
        self.link_addr
    }

    /// Reloads the configuration and the resources, as SIGHUP and `guildhall reload` do. Limits, version rules, the log level,
    /// resources and the sections of [`App::reload_section`](crate::App::reload_section) change: all of them or none.
    ///
    /// # Errors
    /// A file or a setting is invalid; the error names it, and nothing has changed.
    ///
    /// # Cancel safety
    /// Dropping the future leaves everything changed or nothing.
    pub async fn reload(&self) -> Result<Reloaded, Status> {
        self.core.part::<Reloads>().reload(&self.core).await
    }

    /// Ends when a peer has asked the app to drain with the rpc `Node.Drain` (`guildhall drain`). [`App::run`](crate::App::run)
    /// drains then, as at SIGTERM; a program that has called [`App::start`](crate::App::start) waits for this itself, and calls
    /// [`RunningApp::shutdown`].
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped: a request to drain stays.
    pub fn drain_asked(&self) -> impl Future<Output = ()> + Send + 'static {
        self.core.part::<DrainAsked>().asked.clone().cancelled_owned()
    }

    /// Drains and stops the app within `app.drain_ms`: slots are handed over to other apps, peers send no new calls, drain hooks run,
    /// background tasks and running calls end, components notify their clients, and actors are saved.
    ///
    /// Slots, hooks and tasks have at most half of that time; the last quarter is reserved for saving. What is still running then is
    /// cut off: streams are closed, turns are ended, and callers get `MayHaveRun`.
    ///
    /// # Cancel safety
    /// Dropping the future skips the steps that it has not done yet.
    pub async fn shutdown(mut self) {
        let core = Arc::clone(&self.core);
        let began = core.env.now();
        let deadline = began + self.drain;
        self.presence.drains();
        core.draining.cancel();
        core.mesh.drain();
        // Half of the time at most: what has not moved by then is saved here, and free when the session is closed.
        let halfway = began + self.drain / 2;
        if core.env.until(halfway, Box::pin(self.handed_over())).await.is_none() {
            tracing::warn!("not all slots were handed over in half of app.drain_ms");
        }
        core.endpoint.going.cancel();
        let deregistered = self.discovery.deregister(&core.id, core.incarnation);
        let cut_off = began + self.drain * 3 / 4;
        if let Some(Err(error)) = core.env.until(cut_off, deregistered).await {
            tracing::warn!(%error, "deregistration failed; the registration expires with its TTL");
        }
        if core.env.until(cut_off, self.drained(halfway)).await.is_none() {
            let calls = core.endpoint.meters.in_flight.get();
            tracing::warn!(
                calls,
                "calls cut off after three quarters of app.drain_ms; saving actors"
            );
            core.ending.cancel();
            if core.env.until(deadline, self.saved()).await.is_none() {
                tracing::error!("drain timed out: some actors were not saved within app.drain_ms");
            }
        }
        if core.part::<ActorPart>().outage.is_there() {
            tracing::error!("store rejects writes at shutdown: unsaved changes are lost");
        }
        core.ownership().close().await;
        if let Some(tracer) = &core.tracer {
            tracer.last_flush().await;
        }
        core.env.kill();
        // Its address and its store are free when this returns.
        for task in self.tasks {
            let _killed = task.await;
        }
        self.ending.dropped().await;
        core.part::<OpenStore>().close();
        core.part::<LazyBackends>().opener.close();
    }

    /// Notifies the other apps that this app gives all slots away, and waits until the slots are handed over.
    async fn handed_over(&self) {
        let core = &self.core;
        let cx = Cx::outside(core);
        let draining = DrainingMsg { incarnation: core.incarnation.0 };
        // Apps without a link hear it from discovery.
        for app in core.mesh.connected() {
            let told = OwnershipClient::new(&cx).at(&app).draining(draining).await;
            told.unwrap_or_else(
                |status| tracing::warn!(%app, %status, "drain notice not delivered"),
            );
        }
        let record = self.presence.record();
        let registered = self.discovery.register(&record, self.ttl);
        let end = core.env.now() + DISCOVERY_TELLS;
        if !matches!(core.env.until(end, registered).await, Some(Ok(()))) {
            let told = OwnershipClient::all(&cx).draining(draining).await;
            told.unwrap_or_else(
                |status| tracing::warn!(%status, "drain notice not delivered to all apps"),
            );
        }
        core.ownership().handed_over().await;
    }

    /// Hooks and tasks have the time until `halfway`, so that the actors are saved in any case.
    async fn drained(&mut self, halfway: Instant) {
        let core = &self.core;
        let cx = || Cx::outside(core);
        let components = self.components.iter().map(|part| Arc::clone(part).drain(cx()));
        join(self.ending.drain(core, halfway), join_all(components)).await;
        core.endpoint.meters.in_flight.wait_empty().await;
        core.part::<Callbacks>().0.wait_empty().await;
        join_all(core.part::<ActorPart>().hosts.iter().map(|host| host.drain())).await;
        join_all(self.queues.iter().map(|queue| queue.drain())).await;
        self.replies_left().await;
    }

    /// Ends what runs and what waits, and saves the actors.
    async fn saved(&self) {
        join_all(self.core.part::<ActorPart>().hosts.iter().map(|host| host.save())).await;
        join_all(self.queues.iter().map(|queue| queue.save())).await;
        self.replies_left().await;
    }

    /// The last replies leave their sockets.
    async fn replies_left(&self) {
        self.core.env.sleep(Duration::from_millis(20)).await;
    }
}

impl std::fmt::Debug for RunningApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningApp").field("id", &self.core.id).finish_non_exhaustive()
    }
}
