//! [`InTurn`]: the requests of a turn to its actor.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::{MethodDesc, Status};
use guildhall_wire::Generation;

use crate::actor::ActorCx;

/// What a turn may ask of its actor.
pub(crate) trait InTurn: Send + Sync {
    /// `NAME/key`.
    fn id(&self) -> &str;
    /// Deactivates the actor after the turn, when no call waits.
    fn deactivate(&self);
    /// Sets a timer; its number.
    fn set_timer(self: Arc<Self>, message: Message) -> Result<u64, Status>;
    /// Ends a timer.
    fn cancel_timer(&self, number: u64);
    /// The next number that the holder of the slot counts.
    fn next_generation(&self) -> Result<Generation, Status>;
}

/// What a timer sends to its actor.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) method: &'static MethodDesc,
    /// The encoded request.
    pub(crate) body: Bytes,
    /// How long it waits.
    pub(crate) delay: Duration,
    /// It waits as long again, and again.
    pub(crate) repeats: bool,
}

impl ActorCx {
    /// Deactivates this actor after the calls that wait for it.
    pub fn deactivate(&self) {
        self.actor::<dyn InTurn>().deactivate();
    }

    /// Returns a generation larger than all earlier ones of this key, whichever app owned it and whatever its clock
    /// said (rule 34: the epoch of the slot's grant, and a counter of its owner).
    ///
    /// # Errors
    /// `Unavailable`: this app does not own the slot any more.
    pub fn next_generation(&self) -> Result<Generation, Status> {
        self.actor::<dyn InTurn>().next_generation()
    }
}
