//! [`Core`]: what a call needs of the app that it is made from or served by.

use std::any::type_name;
use std::sync::{Arc, OnceLock};

use guildhall_core::env::Workers;
use guildhall_core::metrics::Metrics;
use guildhall_core::{AppId, Env, Incarnation};
use guildhall_link::Endpoint;
use guildhall_ownership::Ownership;
use tokio_util::sync::CancellationToken;

use super::service::ServiceTable;
use crate::call::budget::RetryBudget;
use crate::call::mesh::Mesh;
use crate::call::own_calls::OwnCalls;
use crate::call::parts::Parts;
use crate::call::snapshot::Snapshots;
use crate::config::CallConfig;
use crate::mutation::Mutation;
use crate::observe::counters::Counters;
use crate::observe::health::Health;
use crate::observe::trace::Tracer;

/// What a call needs of its app. What only some apps or some calls need is in `parts`.
pub(crate) struct Core {
    pub(crate) id: AppId,
    pub(crate) incarnation: Incarnation,
    pub(crate) env: Env,
    pub(crate) workers: Arc<Workers>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) services: ServiceTable,
    /// Its calls to itself.
    pub(crate) own: Arc<OwnCalls>,
    pub(crate) calls: CallConfig,
    pub(crate) retries: RetryBudget,
    pub(crate) metrics: Metrics,
    pub(crate) counters: Counters,
    pub(crate) health: Arc<Health>,
    /// Absent when no exporter of spans is configured.
    pub(crate) tracer: Option<Arc<Tracer>>,
    pub(crate) snapshots: Snapshots,
    /// Cancelled when the app begins to drain. A token wakes its waiters in their order, which a watch channel does not: a
    /// simulation would not repeat itself.
    pub(crate) draining: CancellationToken,
    /// Cancelled to end what still runs, so that actors can be saved in the time that is left.
    pub(crate) ending: CancellationToken,
    /// A rule that a test has switched off.
    pub(crate) mutation: Option<Mutation>,
    pub(crate) parts: Parts,
    /// Set before the app serves.
    pub(crate) ownership: OnceLock<Arc<Ownership>>,
}

impl Core {
    /// Whether a test has switched this rule off.
    #[inline]
    pub(crate) fn lacks(&self, rule: Mutation) -> bool {
        cfg!(feature = "mutations") && self.mutation == Some(rule)
    }

    /// The slots and leases of the app.
    ///
    /// # Panics
    /// When the assembly has not set it.
    #[inline]
    pub(crate) fn ownership(&self) -> &Arc<Ownership> {
        self.ownership.get().expect("set before the app serves")
    }

    /// A part that every app has: the assembly adds it.
    ///
    /// # Panics
    /// When the assembly has not.
    pub(crate) fn part<T: Send + Sync + 'static>(&self) -> &T {
        let found = self.parts.get::<T>();
        found.unwrap_or_else(|| panic!("no app starts without the part {}", type_name::<T>()))
    }

    /// As [`Core::part`], to be kept.
    ///
    /// # Panics
    /// As [`Core::part`].
    pub(crate) fn shared<T: Send + Sync + 'static>(&self) -> Arc<T> {
        let found = self.parts.get_shared::<T>();
        found.unwrap_or_else(|| panic!("no app starts without the part {}", type_name::<T>()))
    }
}
