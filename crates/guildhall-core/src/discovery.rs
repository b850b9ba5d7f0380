//! The [`Discovery`] seam: where apps register and are watched.

mod labels;
mod record;
pub mod memory;
pub mod static_list;

use std::time::Duration;

use tokio::sync::mpsc;

use crate::{AppId, BoxFuture, Incarnation};

pub use labels::{actor_label, slots_label};
pub use record::{NodeRecord, NodeState};

/// Where apps register and are watched.
///
/// # Contract
/// Each rule has its test, of the same name, in `guildhall_testkit::discovery`.
///
/// 1. `a_watch_begins_with_a_snapshot`: a watch sends all live records, then `Synced`, then changes in order.
/// 2. `a_record_that_is_not_renewed_goes_away`: a record ends after its TTL, never before; registering again renews it.
/// 3. `an_update_reaches_every_watcher`: a changed record is sent to all watches.
/// 4. `a_later_incarnation_replaces_an_earlier_one`: and a registration of an earlier incarnation is refused.
/// 5. `a_late_deregistration_leaves_the_new_incarnation`: a deregistration removes the record of its own incarnation only.
/// 6. `a_slow_watcher_is_told_to_start_over`: the stream of a watcher that falls behind its buffer ends; the watcher watches again.
pub trait Discovery: Send + Sync + 'static {
    /// Registers `node` for `ttl`. The runtime registers again well before that, which renews and updates the registration.
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>>;

    /// Removes the registration of the app, if it is still of that incarnation.
    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>>;

    /// Streams the live registrations and all later changes. The stream ends when the backend is lost or the watcher is too slow:
    /// watch again.
    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>>;
}

/// Changes that are buffered for a watcher.
pub const WATCH_BUFFER: usize = 4096;

/// An event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A registration is new or has changed.
    Put(NodeRecord),
    /// A registration has ended.
    Remove(AppId, Incarnation),
    /// An address whose record is learnt by dialling it (static lists).
    Probe(String),
    /// The snapshot is complete.
    Synced,
}

/// The error of a discovery backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("discovery {operation}: {message}")]
pub struct DiscoveryError {
    /// `register`, `watch`...
    pub operation: &'static str,
    /// The problem, and what to do.
    pub message: String,
}
