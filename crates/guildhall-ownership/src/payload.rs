//! [`Payload`]: memory of an actor that no row contains, for the next owner of its slot.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Key;

/// What an actor gives to the next owner beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Key of the actor; empty for a game lease.
    pub key: Key,
    /// What `Actor::move_out` returned, or what the holder of a game lease gives along.
    pub state: Bytes,
    /// Encoded replies that may be asked for again.
    pub commands: Bytes,
    /// Time for which no actor has used it, in all apps that had it.
    pub unused: Duration,
}

impl Payload {
    /// What the holder of a game lease gives along.
    pub(crate) fn of_lease(state: Bytes) -> Self {
        Self { key: "".into(), state, commands: Bytes::new(), unused: Duration::ZERO }
    }

    /// Bytes that it takes in an offer.
    pub(crate) fn size(&self) -> usize {
        self.key.as_str().len() + self.state.len() + self.commands.len()
    }
}
