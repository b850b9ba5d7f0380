//! [`AppInner`]: what all parts of a running app share, and the tasks that an app consists of.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guildhall_core::StartError;
use guildhall_core::config::Config;
use guildhall_core::discovery::Discovery;
use guildhall_core::env::{Listener, Workers};
use guildhall_core::metrics::LiveCount;
use guildhall_core::store::Store;
use guildhall_link::{Endpoint, listen};
use parking_lot::{Mutex, RwLock};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::actor::{Admin, AnyRoom, Home, OutboxConfig, Runner, Saver, SleepersOf};
use crate::actor::{Swept, keep_awake, keep_residents, keep_rows, sweep};
use crate::arrive::Arrivals;
use crate::backends::LazyBackends;
use crate::call::Core;
use crate::component::Component;
use crate::config::{AppConfig, SaveConfig};
use crate::cx::Cx;
use crate::health::Health;
use crate::interned::Interned;
use crate::log::LogControl;
use crate::mesh;
use crate::outage::Outage;
use crate::ownership::{self, Ownership, keep_session, watch_peers};
use crate::push::Pushed;
use crate::reload::Reloads;
use crate::rows::Tables;
use crate::stream::Streams;
use crate::topic::Topics;

use super::hooks::Hooks;
use super::presence::Presence;

pub(crate) type Task = JoinHandle<Option<()>>;

/// What all parts of a running app share.
pub(crate) struct AppInner {
    pub(crate) core: Arc<Core>,
    pub(crate) ownership: Ownership,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) streams: Streams,
    pub(crate) save: SaveConfig,
    pub(crate) outbox: OutboxConfig,
    /// Methods that rows name.
    pub(crate) interned: Mutex<Interned>,
    pub(crate) backends: LazyBackends,
    pub(crate) topics: Topics,
    pub(crate) callbacks: LiveCount,
    /// Receivers of messages that are being told that a sender has none under way.
    pub(crate) tells: LiveCount,
    pub(crate) pushed: Pushed,
    pub(crate) reloads: Reloads,
    /// Given back when the app has ended, so that a forgotten `Cx` keeps no file open.
    pub(super) store: RwLock<Option<Arc<dyn Store>>>,
    pub(crate) tables: Tables,
    pub(crate) saver: Saver,
    pub(crate) workers: Arc<Workers>,
    /// One per worker.
    pub(crate) runners: Vec<Arc<Runner>>,
    pub(super) rooms: Vec<Arc<dyn AnyRoom>>,
    pub(crate) actors: Vec<Arc<dyn Admin>>,
    /// Cancelled when a peer wants the app to drain.
    pub(crate) drain_asked: CancellationToken,
    pub(crate) drain_ms: u64,
    pub(crate) health: Arc<Health>,
    /// Since when the store takes no writes.
    pub(crate) outage: Arc<Outage>,
    /// Where `App::run` has begun to log.
    pub(crate) log: Option<LogControl>,
    pub(crate) admin_addr: OnceLock<SocketAddr>,
    pub(crate) presence: Arc<Presence>,
}

impl std::ops::Deref for AppInner {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl AppInner {
    pub(crate) fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.read().clone()
    }
}

impl AppInner {
    /// Starts what the game has added: hooks before components, so that no client is there before they are done.
    pub(super) async fn start_parts(
        self: &Arc<Self>,
        app: &AppConfig,
        hooks: &mut Hooks,
        components: &[Arc<dyn Component>],
        config: &Config,
    ) -> Result<(), StartError> {
        hooks.start(self, Duration::from_millis(app.start_ms)).await?;
        for component in components {
            Arc::clone(component).start(config, Cx::outside(Arc::clone(self))).await?;
        }
        Ok(config.check_unclaimed()?)
    }

    /// Tells the others that this app is there, and finds them.
    pub(super) fn join(
        self: &Arc<Self>,
        listener: Option<Box<dyn Listener>>,
        discovery: &Arc<dyn Discovery>,
        ttl: Duration,
        homes: Vec<Arc<dyn Home>>,
        (rows, sleepers, swept): (SleepersOf, SleepersOf, Swept),
    ) -> Vec<Task> {
        let mut tasks = Vec::new();
        if let Some(listener) = listener {
            let arrivals = Arc::new(Arrivals(Arc::clone(self)));
            let (endpoint, workers) = (Arc::clone(&self.endpoint), Arc::clone(&self.workers));
            let listening = listen(endpoint, arrivals, workers, listener);
            tasks.push(self.env.spawn("link-listen", listening));
        }
        let registering = Arc::clone(&self.presence).keep_registered(
            self.env.clone(),
            (Arc::clone(&self.mesh), Arc::clone(&self.health)),
            self.draining.clone(),
            (Arc::clone(discovery), ttl),
        );
        tasks.push(self.env.spawn("discovery-register", registering));
        let watching = mesh::watch(Arc::clone(self), Arc::clone(discovery), ttl);
        tasks.push(self.env.spawn("discovery-watch", watching));
        tasks.push(self.env.spawn("residents", keep_residents(Arc::clone(self), homes)));
        if !rows.is_empty() {
            let keeping = keep_rows(Arc::clone(self), rows);
            tasks.push(self.env.spawn("resident-rows", keeping));
        }
        if !sleepers.is_empty() {
            tasks.push(self.env.spawn("waker", keep_awake(Arc::clone(self), sleepers)));
        }
        if !swept.is_empty() && self.tables.config.sweep_ms > 0 {
            tasks.push(self.env.spawn("sweeper", sweep(Arc::clone(self), swept)));
        }
        tasks
    }

    /// Starts what runs actors, saves them, and decides which are here.
    pub(super) fn begin_actors(self: &Arc<Self>) -> Vec<Task> {
        /// Ends the actors when the app is killed.
        struct Abandon(Arc<AppInner>);
        impl Drop for Abandon {
            fn drop(&mut self) {
                self.0.rooms.iter().for_each(|room| room.abandon());
            }
        }
        let mut tasks = Vec::new();
        for (at, runner) in self.runners.iter().enumerate() {
            let (runner, app) = (Arc::clone(runner), Abandon(Arc::clone(self)));
            let env = self.env.clone();
            tasks.push(self.env.spawn_on(self.workers.get(at), "actors", async move {
                let _app = &app;
                runner.drive(env).await;
            }));
        }
        tasks.push(self.env.spawn("lease-peers", watch_peers(Arc::clone(self))));
        if self.ownership.is_needed() {
            tasks.push(self.env.spawn("lease-session", keep_session(Arc::clone(self))));
            tasks.push(self.env.spawn("ownership", ownership::keep(Arc::clone(self))));
        }
        if let Some(store) = self.store() {
            let app = Arc::clone(self);
            tasks.push(self.env.spawn("saver", async move {
                let tracer = app.tracer.as_ref();
                let (env, outage) = (app.env.clone(), &*app.outage);
                app.saver.drive(env, store, outage, &app.counters, &app.save, tracer).await;
            }));
        }
        tasks
    }
}
