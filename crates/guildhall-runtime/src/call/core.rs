//! [`Core`]: what a call needs of the app that it is made from or served by.

use std::sync::Arc;

use guildhall_core::metrics::{LiveCount, Metrics};
use guildhall_core::{AppId, Env, Incarnation};
use tokio_util::sync::CancellationToken;

use super::RetryBudget;
use crate::config::CallConfig;
use crate::counters::Counters;
use crate::mesh::Mesh;
use crate::mutation::Mutation;
use crate::service::ServiceTable;
use crate::trace::Tracer;

/// What a call needs of its app. Rare features of the app are not in here.
pub(crate) struct Core {
    pub(crate) id: AppId,
    pub(crate) incarnation: Incarnation,
    pub(crate) env: Env,
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) services: ServiceTable,
    pub(crate) calls: CallConfig,
    pub(crate) retries: RetryBudget,
    /// Calls that are served now.
    pub(crate) in_flight: Arc<LiveCount>,
    pub(crate) metrics: Metrics,
    pub(crate) counters: Counters,
    /// Absent when no exporter of spans is configured.
    pub(crate) tracer: Option<Arc<Tracer>>,
    /// Cancelled when the app begins to drain. A token wakes its waiters in their order, which a watch channel does not: a
    /// simulation would not repeat itself.
    pub(crate) draining: CancellationToken,
    /// Cancelled when other apps own the slots: peers send no new calls.
    pub(crate) going: CancellationToken,
    /// Cancelled to end what still runs, so that actors can be saved in the time that is left.
    pub(crate) ending: CancellationToken,
    /// A rule that a test has switched off.
    pub(crate) mutation: Option<Mutation>,
}

impl Core {
    /// Whether a test has switched this rule off.
    #[inline]
    pub(crate) fn lacks(&self, rule: Mutation) -> bool {
        cfg!(feature = "mutations") && self.mutation == Some(rule)
    }
}
