//! The [`Leases`] seam: one holder per id, and an epoch for each grant.

pub mod memory;
mod session;

use std::time::Duration;

use tokio::sync::mpsc;

use crate::BoxFuture;
use crate::store::{Holder, LeaseId};

pub use session::{LeaseSession, LeaseTimes};

/// Grants leases, each to one holder at a time. Apps use it through [`LeaseSession`].
///
/// A session belongs to one holder and has a number; all leases of a session expire together. Epochs protect the rows; the lease
/// backend only decides which app may try to write.
///
/// # Contract
/// Each rule has its test, of the same name, in `guildhall_testkit::leases`.
///
/// 1. `every_grant_has_a_larger_epoch`: larger than all earlier epochs of that id and than `at_least`. A grant to the present holder
///    ends its earlier grant.
/// 2. `an_id_has_one_holder`: a request of another holder returns the present holder and its epoch. A restarted app is another holder.
/// 3. `a_session_that_is_not_kept_alive_expires`: after its TTL, never before, and all its ids become free.
/// 4. `an_expired_session_is_never_renewed`: even if its ids are still free. The holder opens a new session, which holds nothing.
/// 5. `a_late_release_changes_nothing`: a release must name the holder and the epoch of the present grant.
/// 6. `a_transfer_gives_a_new_epoch_in_one_step`: and the new grant names the epoch and the offer that it comes from.
/// 7. `a_late_transfer_changes_nothing`: it returns the present holder of the id.
/// 8. `a_transfer_to_nobody_leaves_the_holder`: a transfer to an app without a session changes nothing.
/// 9. `a_transfer_is_learnt_by_asking`: a request of the new holder returns a larger epoch and the same offer.
/// 10. `a_watch_shows_the_holders_of_a_prefix`: all present holders, then `Synced`, then changes in order.
/// 11. `a_slow_watcher_of_leases_is_told_to_start_over`: the stream of a watcher that falls behind its buffer ends.
/// 12. `closing_a_session_frees_its_ids`: and so does opening a session that replaces it.
/// 13. `epochs_grow_over_a_restart` (backends with `capabilities().durable_epochs`): the counter is durable before the grant is
///     answered, has no TTL and is never deleted.
/// 14. `the_first_number_that_is_recorded_stays`: later callers get the first number. It is as durable as epochs are.
/// 15. `a_late_open_closes_no_living_session`: a new session replaces a live one only if its request names that one; otherwise the
///     request returns the live session. No two sessions have the same number.
/// 16. `a_late_renewal_or_close_is_not_for_a_later_session`: both name the session that they are for.
/// 17. `a_restart_gives_nothing_to_others_before_the_ttl_is_over` (backends with `capabilities().durable_epochs`): for a whole TTL
///     after the restart, the ids that a session held when the backend ended are granted to its holder only. A backend that has lost
///     the holders grants nothing (`Unavailable`) until the longest TTL that it has ever promised is over.
pub trait Leases: Send + Sync + 'static {
    /// The capabilities of this backend.
    fn capabilities(&self) -> LeaseCapabilities;

    /// Opens a session. The session `instead_of` ends with everything that it holds; any other session of the holder stays, and is
    /// returned.
    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>>;

    /// Renews the session of that number, and everything that it holds, for its TTL from now on. `Expired`: no such session.
    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>>;

    /// Ends the session of that number and frees what it holds. Without such a session it does nothing.
    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>>;

    /// Returns when the backend has said, without being asked, that the session of that number is over. Backends that say it only in
    /// answers never return, which is the default. Cancel safe.
    fn ended<'a>(&'a self, holder: &'a Holder, session: u64) -> BoxFuture<'a, ()> {
        let _never = (holder, session);
        Box::pin(std::future::pending())
    }

    /// Requests ids independently of each other. The answers are in the order of the requests.
    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>>;

    /// Releases grants. A grant that is not the current one of its id is ignored.
    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>>;

    /// Makes `to` the holder of an id in one step, if `holder` has it with `epoch`. `offer` says which of the holder's offers of
    /// this holding goes with it.
    fn transfer<'a>(
        &'a self,
        holder: &'a Holder,
        id: &'a LeaseId,
        epoch: u64,
        to: &'a Holder,
        offer: u64,
    ) -> BoxFuture<'a, Result<Transferred, LeaseError>>;

    /// Records a number under a name for good, unless one is recorded, and returns the recorded one. For values that all apps must
    /// agree on, such as the number of slots of an actor type.
    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>>;

    /// The ids that begin with `prefix` and are held, and all later changes. The stream ends when the backend is lost or the
    /// watcher is too slow: watch again.
    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>>;
}

/// Optional capabilities of a lease backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseCapabilities {
    /// Rules 13, 14 and 17: the backend's answers survive its restart. Without this the store still refuses the writes of an old
    /// holder, and refused claims return the epoch to ask for; but an old holder may answer reads until it detects the restart.
    pub durable_epochs: bool,
}

/// The result of [`Leases::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A new session was opened, with this number.
    New(u64),
    /// Nothing has changed: this session of the holder is alive.
    Living(u64),
}

/// A request for an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The id.
    pub id: LeaseId,
    /// The largest epoch that the asker has seen for it, in grants or in rows; not of the era 65535, which is not used.
    pub at_least: u64,
}

/// The answer to a request for one id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The lease was granted to the asker.
    Held {
        /// The epoch of this grant.
        epoch: u64,
        /// The transfer that this grant comes from, if any.
        from: Option<Origin>,
    },
    /// Another holder has the lease.
    Taken {
        /// The holder.
        holder: Holder,
        /// The epoch of the current grant, for a move request.
        epoch: u64,
    },
}

/// The grant that a transfer ended, and the offer of its holder that belongs to it. A later one is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Epoch of the grant that ended.
    pub epoch: u64,
    /// Number of the offer within that holding.
    pub offer: u64,
}

/// The result of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// The target holds the id, with this epoch.
    Done(u64),
    /// The caller does not hold the id with that epoch; this is the current holder.
    NotYours(Option<Holding>),
    /// The target has no session; nothing has changed.
    NobodyThere,
}

/// The current grant of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The holder.
    pub holder: Holder,
    /// The epoch of the grant.
    pub epoch: u64,
    /// The transfer that this grant comes from, if any.
    pub from: Option<Origin>,
}

/// An event of a watch of leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseChange {
    /// A grant.
    Held(LeaseId, Holding),
    /// The id is free.
    Free(LeaseId),
    /// The snapshot is complete.
    Synced,
}

/// The kind of a failed operation, which says what the caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseErrorKind {
    /// The holder has no session, or it is over: open one and acquire again.
    Expired,
    /// The backend cannot be reached, or its answer was lost: the operation may have happened.
    Unavailable,
    /// The request does not fit the backend or its limits.
    Invalid,
}

/// A failed operation of a lease backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("leases {operation}: {message}")]
pub struct LeaseError {
    /// What the caller can do.
    pub kind: LeaseErrorKind,
    /// `open`, `acquire`, ...
    pub operation: &'static str,
    /// The problem, and what to do.
    pub message: String,
}

impl LeaseError {
    /// Makes an error of `operation`.
    pub fn new(kind: LeaseErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        Self { kind, operation, message: message.into() }
    }
}
