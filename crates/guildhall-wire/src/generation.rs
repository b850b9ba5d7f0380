//! [`Generation`]: orders the logins of a player without a clock.

use crate::proto::Session;

/// Orders the logins of one player. Compared field by field: a later grant of the session's slot is a later login, and within one
/// grant its holder counts. The default is before all logins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation {
    /// Of the grant of the slot under which the login was counted.
    pub epoch: u64,
    /// Number of the login under that grant.
    pub number: u64,
}

impl Session {
    /// Which login of the player it is.
    pub fn login(&self) -> Generation {
        Generation { epoch: self.epoch, number: self.generation }
    }
}
