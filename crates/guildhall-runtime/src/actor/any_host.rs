//! [`AnyHost`]: the host of an actor type for code that does not name the type.

use std::any::TypeId;
use std::sync::{Arc, Weak};

use guildhall_core::Key;
use guildhall_core::store::{LeaseId, Table};
use guildhall_ownership::{SlotHost, SlotTable};
use guildhall_wire::Session;

use super::config::ActorConfig;
use crate::call::service::Drain;
use crate::call::{Core, Cx};

/// The actors of one type in one app.
pub(crate) trait AnyHost: Drain {
    /// The Rust type of the actors.
    fn actor(&self) -> TypeId;
    /// `NAME` of the actor type.
    fn name(&self) -> &'static str;
    /// `[actor.NAME]`.
    fn config(&self) -> &ActorConfig;
    /// The tables whose rows the actors own, the one with the actor's existence first.
    fn tables(&self) -> &[&'static Table];
    /// The table whose rows say when an actor that is not in memory has work to do, if the actors have outboxes and reminders.
    fn due_rows(&self) -> Option<&'static Table>;

    /// The slots of the actor type.
    fn slots(&self) -> &SlotTable;
    /// The host as ownership sees it, in an app that may not be made yet.
    fn for_ownership(self: Arc<Self>, core: Weak<Core>) -> Arc<dyn SlotHost>;

    /// Number of actors in memory.
    fn count(&self) -> usize;
    /// The keys of the actors in memory, in order.
    fn keys(&self) -> Vec<Key>;
    /// Deactivates an actor; whether it is in memory.
    fn close(&self, key: &str) -> bool;
    /// Tells an actor in memory that a session has ended.
    fn session_over(&self, key: &str, session: &Arc<Session>);

    /// Whether the slot of a key is served here.
    fn serves(&self, key: &str) -> bool;
    /// Activates an actor, unless it is active.
    fn activate(self: Arc<Self>, cx: &Cx, key: &str);
    /// Activates an actor that is not in memory, if its slot is served here; whether that is so.
    fn activate_sleeping(self: Arc<Self>, cx: &Cx, key: &str) -> bool;
    /// Whether this app may remove the tombstone with this key: it serves the slot, under this lease, and the actor is not in memory,
    /// where it may be about to create its row.
    fn may_remove(&self, key: &str, lease: &LeaseId) -> bool;
}
