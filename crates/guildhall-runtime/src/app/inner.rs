//! [`AppInner`]: the shared state of a running app, and its tasks.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::StartError;
use guildhall_core::config::Config;
use guildhall_core::discovery::Discovery;
use guildhall_core::env::Listener;
use guildhall_core::store::Store;
use guildhall_link::listen;
use tokio::task::JoinHandle;

use crate::actor::{ActorPart, AnyHost, Swept, activate_due_rows, keep_resident_rows};
use crate::actor::{keep_residents, sweep};
use crate::call::peers::keep_linked;
use crate::call::{Core, Cx};
use crate::config::AppConfig;

use super::hooks::Hooks;
use super::presence::Presence;
use crate::app::backends::LazyBackends;
use crate::app::component::Component;
use crate::call::service::Drain;
use crate::observe::outage::Outage;
use crate::serve::arrivals::Arrivals;
use crate::serve::rows::{OpenStore, Tables};

type Task = JoinHandle<Option<()>>;

/// What actors and ownership share until they have parts of their own.
pub(crate) struct AppInner {
    pub(crate) core: Arc<Core>,
    pub(crate) actor: Arc<ActorPart>,
    pub(crate) backends: Arc<LazyBackends>,
    pub(super) store: Arc<OpenStore>,
    pub(crate) tables: Arc<Tables>,
    pub(super) queues: Vec<Arc<dyn Drain>>,
    /// Since when the store takes no writes.
    pub(crate) outage: Arc<Outage>,
    pub(super) presence: Arc<Presence>,
}

impl std::ops::Deref for AppInner {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl AppInner {
    pub(crate) fn store(&self) -> Option<Arc<dyn Store>> {
        self.store.get()
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
        hooks.start(&self.core, Duration::from_millis(app.start_ms)).await?;
        for component in components {
            Arc::clone(component).start(config, Cx::on(&self.core)).await?;
        }
        Ok(config.check_unclaimed()?)
    }

    /// Tells the others that this app is there, and finds them.
    pub(super) fn join(
        self: &Arc<Self>,
        listener: Option<Box<dyn Listener>>,
        discovery: &Arc<dyn Discovery>,
        ttl: Duration,
        swept: Swept,
    ) -> Vec<Task> {
        let mut tasks = Vec::new();
        if let Some(listener) = listener {
            let arrivals = Arc::new(Arrivals(Arc::clone(&self.core)));
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
        let watching = keep_linked(Arc::clone(&self.core), Arc::clone(discovery), ttl);
        tasks.push(self.env.spawn("discovery-watch", watching));
        tasks.extend(self.keep_actors(swept));
        tasks
    }

    /// Starts what activates actors without a call, and what cleans up after deleted ones.
    fn keep_actors(self: &Arc<Self>, swept: Swept) -> Vec<Task> {
        let cx = || Cx::on(&self.core);
        let store = || Arc::clone(&self.store);
        let mut tasks = Vec::new();
        let hosts = |keeps: fn(&dyn AnyHost) -> bool| {
            let hosts = self.actor.hosts.iter().filter(|host| keeps(&***host));
            hosts.cloned().collect::<Vec<_>>()
        };
        let residents = hosts(|host| host.config().resident > 0);
        tasks.push(self.env.spawn("residents", keep_residents(cx(), residents)));
        let rows = hosts(|host| host.config().resident_rows);
        if !rows.is_empty() {
            let keeping = keep_resident_rows(cx(), store(), rows);
            tasks.push(self.env.spawn("resident-rows", keeping));
        }
        let due = hosts(|host| host.due_rows().is_some());
        if !due.is_empty() {
            tasks.push(self.env.spawn("due-rows", activate_due_rows(cx(), store(), due)));
        }
        let config = &self.tables.config;
        if !swept.is_empty() && config.sweep_ms > 0 {
            let sweeping = sweep(cx(), config.clone(), store(), swept);
            tasks.push(self.env.spawn("sweeper", sweeping));
        }
        tasks
    }

    /// Starts what runs actors, saves them, and decides which are here.
    pub(super) fn begin_actors(self: &Arc<Self>) -> Vec<Task> {
        /// Ends the actors when the app is killed.
        struct Abandon(Arc<AppInner>);
        impl Drop for Abandon {
            fn drop(&mut self) {
                self.0.actor.hosts.iter().for_each(|host| host.abandon());
                self.0.queues.iter().for_each(|queue| queue.abandon());
            }
        }
        let mut tasks = Vec::new();
        for (at, runner) in self.actor.runners.iter().enumerate() {
            let (runner, app) = (Arc::clone(runner), Abandon(Arc::clone(self)));
            let env = self.env.clone();
            tasks.push(self.env.spawn_on(self.workers.get(at), "actors", async move {
                let _app = &app;
                runner.drive(env).await;
            }));
        }
        tasks.extend(self.ownership().start());
        if let Some(store) = self.store() {
            let app = Arc::clone(self);
            tasks.push(self.env.spawn("saver", async move {
                let tracer = app.tracer.as_ref();
                let (env, outage) = (app.env.clone(), &*app.outage);
                let ActorPart { saver, save, .. } = &*app.actor;
                saver.drive(env, store, outage, &app.counters, save, tracer).await;
            }));
        }
        tasks
    }
}
