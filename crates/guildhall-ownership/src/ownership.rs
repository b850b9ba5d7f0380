//! [`Ownership`]: the slots and leases of one app, and the parts of the app that it uses.

use std::sync::Arc;

use guildhall_core::leases::{LeaseSession, Leases};
use guildhall_core::metrics::{Counter, MetricError, Metrics};
use guildhall_core::store::Holder;
use guildhall_core::{BoxFuture, Env, Status};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::config::OwnershipConfig;
use crate::game_leases::GameLeases;
use crate::host::SlotHost;
use crate::mesh::{Mesh, Targets};
use crate::present::PresentSession;
use crate::slots::SlotTable;

/// What an app owns: the slots of its actors, and game leases, all in one session with the lease backend.
pub struct Ownership {
    pub(crate) config: OwnershipConfig,
    pub(crate) env: Env,
    pub(crate) holder: Holder,
    pub(crate) mesh: Arc<dyn Mesh>,
    pub(crate) hosts: Vec<Arc<dyn SlotHost>>,
    pub(crate) backend: LeaseBackend,
    report: HealthReport,
    pub(crate) meters: OwnershipMeters,
    pub(crate) draining: CancellationToken,
    broken_rule: Option<BrokenRule>,
    pub(crate) session: PresentSession,
    pub(crate) game: GameLeases,
    /// Wakes the keeper.
    pub(crate) wake: Notify,
    /// Slots that may be handed over at a time (`ownership.moves_max`).
    pub(crate) giving: Semaphore,
}

/// What [`Ownership::new`] needs of the app.
pub struct Setup {
    /// Clock, random numbers and tasks.
    pub env: Env,
    /// This app in its present incarnation.
    pub holder: Holder,
    /// `[ownership]`.
    pub config: OwnershipConfig,
    /// The other apps.
    pub mesh: Arc<dyn Mesh>,
    /// The actor types of this app.
    pub hosts: Vec<Arc<dyn SlotHost>>,
    /// Where leases are kept.
    pub backend: LeaseBackend,
    /// Takes whether the lease session works: `Err` says why not.
    pub report: HealthReport,
    /// What is counted.
    pub meters: OwnershipMeters,
    /// Cancelled when the app begins to drain.
    pub draining: CancellationToken,
    /// A rule that a test switches off; only with the feature `mutations`.
    pub broken_rule: Option<BrokenRule>,
}

/// Takes whether a part of the app works.
pub type HealthReport = Box<dyn Fn(Result<(), String>) + Send + Sync>;

/// The lease backend of an app.
pub struct LeaseBackend {
    /// Opens it at the first call, and returns the open one.
    pub open: OpenLeases,
    /// Whether it lives in this process while discovery knows other processes: their sessions cannot be watched.
    pub is_private: bool,
}

/// Opens a lease backend.
pub type OpenLeases =
    Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Leases>, Status>> + Send + Sync>;

/// A rule of ownership that a test can switch off, to show that tests notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenRule {
    /// Rules 6 and 25: nothing is served after the lease's deadline.
    DeadlineOfAnswers,
    /// Rule 22: a slot that another app holds is not served.
    LeaseBeforeServing,
}

/// What ownership counts without labels.
#[derive(Clone, Debug)]
pub struct OwnershipMeters {
    pub(crate) slots_given: Counter,
    pub(crate) slots_taken: Counter,
    pub(crate) slot_looks: Counter,
    pub(crate) suspensions: Counter,
}

impl OwnershipMeters {
    /// Registers them.
    ///
    /// # Errors
    /// The registry has no room for them, or has others of these names.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let counter = |name, help| Ok(metrics.counter(name, help, &[])?.with(&[]));
        Ok(Self {
            slots_given: counter(
                "guildhall_slots_given_total",
                "Slots that were handed over to another app.",
            )?,
            slots_taken: counter(
                "guildhall_slots_taken_total",
                "Slots that another app handed over to this one.",
            )?,
            slot_looks: counter(
                "guildhall_slot_looks_total",
                "Times that the app has looked at the slots of an actor type: none while all are where they belong.",
            )?,
            suspensions: counter(
                "guildhall_suspensions_total",
                "Times that the lease session ran out before it was renewed.",
            )?,
        })
    }
}

impl Ownership {
    /// Owns nothing yet; [`start`](Self::start) begins.
    pub fn new(setup: Setup) -> Arc<Self> {
        let giving = Semaphore::new(setup.config.moves_max.min(Semaphore::MAX_PERMITS));
        Arc::new(Self {
            config: setup.config,
            env: setup.env,
            holder: setup.holder,
            mesh: setup.mesh,
            hosts: setup.hosts,
            backend: setup.backend,
            report: setup.report,
            meters: setup.meters,
            draining: setup.draining,
            broken_rule: setup.broken_rule,
            session: PresentSession::default(),
            game: GameLeases::default(),
            wake: Notify::new(),
            giving,
        })
    }

    /// `[ownership]`.
    pub fn config(&self) -> &OwnershipConfig {
        &self.config
    }

    /// Whether the lease session still counts, by the app's own clock (rule 25): asked after the state was read and just before a
    /// reply from memory is sent.
    #[inline]
    pub fn is_valid(&self) -> bool {
        self.session.is_valid(&self.env)
    }

    /// Has the lease backend asked for the holder of a slot: its row has seen `row_epoch`, and refused a write (rules 11, 12).
    pub fn doubt(&self, table: &SlotTable, slot: u32, row_epoch: u64) {
        table.doubt(slot, row_epoch);
        self.wake.notify_one();
    }

    /// Whether the app has actors.
    pub(crate) fn has_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }

    pub(crate) fn session(&self) -> Option<Arc<LeaseSession>> {
        self.session.get()
    }

    /// The actor type and the slot of a lease; `None` when it is not a slot of this app's types.
    pub(crate) fn host_of(&self, lease: &str) -> Option<(&Arc<dyn SlotHost>, u32)> {
        self.hosts.iter().find_map(|host| Some((host, host.table().slot_of(lease)?)))
    }

    /// Whether this app is the target of a slot.
    pub(crate) fn is_target(&self, targets: Option<&dyn Targets>, slot: u32) -> bool {
        targets.is_some_and(|targets| targets.target(slot) == self.holder.app.as_str())
    }

    /// Says whether the lease session works.
    pub(crate) fn report(&self, is: Result<(), String>) {
        (self.report)(is);
    }

    /// Whether a test has switched this rule off.
    pub(crate) fn lacks(&self, rule: BrokenRule) -> bool {
        cfg!(feature = "mutations") && self.broken_rule == Some(rule)
    }
}

impl std::fmt::Debug for Ownership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ownership").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for LeaseBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseBackend").field("is_private", &self.is_private).finish_non_exhaustive()
    }
}
