//! [`InTurn`]: what a turn may ask of its actor.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_core::{Code, MethodDesc, Status};
use guildhall_wire::Generation;

use crate::call::Cx;
use crate::call::chain::as_interface;

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

impl Cx {
    /// In a turn: deactivates this actor after the calls that wait for it. Outside of turns it does nothing.
    pub fn deactivate(&self) {
        if let Some(actor) = self.turn.as_ref().and_then(as_interface::<dyn InTurn>) {
            actor.deactivate();
        }
    }

    /// In a turn of an actor: a generation larger than all earlier ones of this key, whichever app owned it and whatever its clock
    /// said (rule 34: the epoch of the slot's grant, and a counter of its owner).
    ///
    /// # Errors
    /// `Unavailable`: this app does not own the slot any more. `FailedPrecondition`: not in a turn of an actor.
    pub fn next_generation(&self) -> Result<Generation, Status> {
        let Some(actor) = self.turn.as_ref().and_then(as_interface::<dyn InTurn>) else {
            let why = "only the turns of an actor count generations";
            return Err(Status::not_run(Code::FailedPrecondition, reason::NOT_READY, why));
        };
        actor.next_generation()
    }
}
