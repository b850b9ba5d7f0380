//! The tasks that an app consists of.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::discovery::Discovery;
use guildhall_core::env::Listener;
use guildhall_link::listen;
use tokio::task::JoinHandle;

use super::presence::Presence;
use crate::actor::{
    ActorPart, AnyHost, Swept, activate_due_rows, keep_resident_rows, keep_residents, sweep,
};
use crate::call::peers::keep_linked;
use crate::call::service::Drain;
use crate::call::{Core, Cx};
use crate::serve::arrivals::Arrivals;
use crate::serve::rows::{OpenStore, Tables};

pub(super) type Tasks = Vec<JoinHandle<Option<()>>>;

/// Tells other apps of this one, accepts their links, and dials them.
pub(super) fn join_cluster(
    core: &Arc<Core>,
    presence: &Arc<Presence>,
    listener: Option<Box<dyn Listener>>,
    discovery: &Arc<dyn Discovery>,
    ttl: Duration,
) -> Tasks {
    let mut tasks = Vec::new();
    if let Some(listener) = listener {
        let arrivals = Arc::new(Arrivals(Arc::clone(core)));
        let (endpoint, workers) = (Arc::clone(&core.endpoint), Arc::clone(&core.workers));
        let listening = listen(endpoint, arrivals, workers, listener);
        tasks.push(core.env.spawn("link-listen", listening));
    }
    let registering = Arc::clone(presence).keep_registered(
        core.env.clone(),
        (Arc::clone(&core.mesh), Arc::clone(&core.health)),
        core.draining.clone(),
        (Arc::clone(discovery), ttl),
    );
    tasks.push(core.env.spawn("discovery-register", registering));
    let watching = keep_linked(Arc::clone(core), Arc::clone(discovery), ttl);
    tasks.push(core.env.spawn("discovery-watch", watching));
    tasks
}

/// Starts what runs actors, saves them, and decides which are here. `queues` are those of SERIAL and INTERLEAVED services.
pub(super) fn begin_actors(core: &Arc<Core>, queues: &[Arc<dyn Drain>]) -> Tasks {
    /// Ends actors and queues when the app is killed.
    struct Abandon(Arc<ActorPart>, Vec<Arc<dyn Drain>>);
    impl Drop for Abandon {
        fn drop(&mut self) {
            self.0.hosts.iter().for_each(|host| host.abandon());
            self.1.iter().for_each(|queue| queue.abandon());
        }
    }
    let part = core.shared::<ActorPart>();
    let mut tasks = Vec::new();
    for (at, runner) in part.runners.iter().enumerate() {
        let abandon = Abandon(Arc::clone(&part), queues.to_vec());
        let (runner, env) = (Arc::clone(runner), core.env.clone());
        tasks.push(core.env.spawn_on(core.workers.get(at), "actors", async move {
            let _abandon = &abandon;
            runner.drive(env).await;
        }));
    }
    tasks.extend(core.ownership().start());
    if let Some(store) = core.part::<OpenStore>().get() {
        let core = Arc::clone(core);
        tasks.push(core.env.clone().spawn("saver", async move {
            let (env, tracer) = (core.env.clone(), core.tracer.as_ref());
            let ActorPart { saver, save, outage, .. } = &*part;
            saver.drive(env, store, outage, &core.counters, save, tracer).await;
        }));
    }
    tasks
}

/// Starts what activates actors without a call, and what cleans up after deleted ones.
pub(super) fn keep_actors(core: &Arc<Core>, swept: Swept) -> Tasks {
    let (env, cx) = (&core.env, || Cx::outside(core));
    let store = || core.shared::<OpenStore>();
    let mut tasks = Vec::new();
    let hosts = |keeps: fn(&dyn AnyHost) -> bool| {
        let hosts = core.part::<ActorPart>().hosts.iter().filter(|host| keeps(&***host));
        hosts.cloned().collect::<Vec<_>>()
    };
    let residents = hosts(|host| host.config().resident > 0);
    tasks.push(env.spawn("residents", keep_residents(cx(), residents)));
    let rows = hosts(|host| host.config().resident_rows);
    if !rows.is_empty() {
        tasks.push(env.spawn("resident-rows", keep_resident_rows(cx(), store(), rows)));
    }
    let due = hosts(|host| host.due_rows().is_some());
    if !due.is_empty() {
        tasks.push(env.spawn("due-rows", activate_due_rows(cx(), store(), due)));
    }
    let config = &core.part::<Tables>().config;
    if !swept.is_empty() && config.sweep_ms > 0 {
        tasks.push(env.spawn("sweeper", sweep(cx(), config.clone(), store(), swept)));
    }
    tasks
}
