//! The grant under which an actor answers and writes.

use std::sync::Arc;

use guildhall_core::store::{Holder, Token};

use super::cell::Cell;
use crate::actor::Actor;
use crate::actor::services::ActorServices;
use crate::mutation::Mutation;

impl<A: Actor, S: ActorServices<A>> Cell<A, S> {
    /// Whether the app may still write and answer for what an activation under `epoch` knows (rules 6 and 25). Asked after the
    /// state was read.
    #[inline]
    pub(crate) fn holds(&self, epoch: u64) -> bool {
        self.host.slots.is_fresh(self.slot, epoch) && self.core().ownership().is_valid()
            || self.core().lacks(Mutation::DeadlineOfAnswers)
    }

    /// What the writes of an activation carry.
    pub(crate) fn token(&self, (epoch, activation): (u64, u64)) -> Token {
        Token {
            lease: Arc::clone(self.host.slots.lease(self.slot)),
            epoch,
            holder: Holder { app: self.core().id.clone(), incarnation: self.core().incarnation },
            activation,
        }
    }
}
