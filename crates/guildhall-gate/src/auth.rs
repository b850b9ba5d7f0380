//! Who a client is: the seam, and tokens (JWT) as its default.

mod jwt;

use std::time::Duration;

use guildhall_core::{KEY_LEN_MAX, Status};
use serde_json::{Map, Value};

pub(crate) use jwt::Jwt;

/// Decides who a client is from the token of its first packet.
pub trait Authenticate: Send + Sync + 'static {
    /// Who holds `token`; `wall` is the time since the Unix epoch. Runs on a worker: it must not block.
    ///
    /// # Errors
    /// Why nobody does; the client reads it.
    fn authenticate(&self, token: &str, wall: Duration) -> Result<Identity, Status>;
}

/// Who a client is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The account that has logged in.
    pub account: String,
    /// The player it plays; the account itself when there is none.
    pub player: Option<String>,
    /// What else the token says.
    pub claims: Map<String, Value>,
}

impl Identity {
    /// The key of the session; `None` when it cannot be one.
    pub(crate) fn into_player(self) -> Option<String> {
        let player = self.player.unwrap_or(self.account);
        let fits = !player.is_empty() && player != "0" && player.len() <= KEY_LEN_MAX;
        fits.then_some(player)
    }
}
