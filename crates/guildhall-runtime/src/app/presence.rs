//! [`Presence`]: the registration of this app, and its load: calls in flight for each 100 of its weight.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::discovery::{Discovery, NodeRecord, NodeState};
use guildhall_core::metrics::LiveCount;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use crate::call::mesh::{Mesh, load_of};
use crate::observe::health::Health;

/// Loads that differ by less are not worth another registration.
const MUCH: u32 = 10;

/// The record of this app.
pub(crate) struct Presence {
    record: RwLock<NodeRecord>,
    in_flight: Arc<LiveCount>,
    /// How often the app looks whether its load has changed much, where calls are routed by it.
    load_every: Option<Duration>,
}

impl Presence {
    pub(crate) fn new(
        record: NodeRecord,
        in_flight: &Arc<LiveCount>,
        load_every: Option<Duration>,
    ) -> Self {
        Self { record: RwLock::new(record), in_flight: Arc::clone(in_flight), load_every }
    }

    /// The record as it is now.
    pub(crate) fn record(&self) -> NodeRecord {
        let mut record = self.record.read().clone();
        let load = load_of(self.in_flight.get(), record.weight);
        record.load = u32::try_from(load).unwrap_or(u32::MAX);
        record
    }

    /// From now on the record says that the app drains.
    pub(crate) fn drains(&self) {
        self.record.write().state = NodeState::Draining;
    }

    /// Registers, again and again, until the app drains.
    pub(crate) async fn keep_registered(
        self: Arc<Self>,
        env: Env,
        (mesh, health): (Arc<Mesh>, Arc<Health>),
        draining: CancellationToken,
        (discovery, ttl): (Arc<dyn Discovery>, Duration),
    ) {
        while !draining.is_cancelled() {
            let (mut record, deadline) = (self.record(), env.now() + ttl);
            mesh.load(&record.id, record.load);
            if self.load_every.is_none() {
                // No method is routed by load, so it does not change the record.
                record.load = 0;
            }
            let is = match env.until(deadline, discovery.register(&record, ttl)).await {
                Some(Ok(())) => Ok(()),
                Some(Err(error)) => Err(format!("others may not find this app: {error}")),
                None => Err(format!("others may not find this app: no answer within {ttl:?}")),
            };
            health.set("discovery.register", is);
            self.next_registration(&env, record.load, ttl / 3).await;
        }
    }

    /// Waits until it is time for the next registration: `pause`, or less where callers route by load and it is far from the one
    /// that was registered.
    async fn next_registration(&self, env: &Env, registered: u32, pause: Duration) {
        let end = env.now() + pause;
        let Some(look) = self.load_every else { return env.sleep_until(end).await };
        loop {
            env.sleep_until(end.min(env.now() + look)).await;
            if env.now() >= end || differ_much(registered, self.record().load) {
                return;
            }
        }
    }
}

/// By half or to the double, and not by a few.
fn differ_much(a: u32, b: u32) -> bool {
    let (less, more) = (a.min(b), a.max(b));
    more - less >= MUCH && more / 2 >= less
}
