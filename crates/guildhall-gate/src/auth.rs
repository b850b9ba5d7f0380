//! Authentication of clients: the trait [`Authenticate`], and JSON Web Tokens as its default.

mod jwt;

use std::time::Duration;

use guildhall_core::{KEY_LEN_MAX, Status};
use serde_json::{Map, Value};

pub(crate) use jwt::Jwt;

/// Turns the token of a client's first packet into an [`Identity`].
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use guildhall::gate::{Authenticate, Identity};
/// use guildhall::{Code, Status};
///
/// /// Accepts tickets of a platform: `ticket:PLAYER`.
/// struct Tickets;
///
/// impl Authenticate for Tickets {
///     fn authenticate(&self, token: &str, _wall: Duration) -> Result<Identity, Status> {
///         let player = token.strip_prefix("ticket:");
///         let player = player.ok_or_else(|| Status::new(Code::Unauthenticated, "no ticket"))?;
///         Ok(Identity { account: player.to_owned(), ..Identity::default() })
///     }
/// }
/// # assert!(Tickets.authenticate("ticket:1001", Duration::ZERO).is_ok());
/// ```
pub trait Authenticate: Send + Sync + 'static {
    /// Returns the identity that `token` proves; `wall` is the time since the Unix epoch. Runs on a worker thread and must not block.
    ///
    /// # Errors
    /// The token is not valid. The client gets the status, and its connection ends.
    fn authenticate(&self, token: &str, wall: Duration) -> Result<Identity, Status>;
}

/// The identity of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The account that has logged in.
    pub account: String,
    /// The player, at most 128 bytes, not empty and not "0"; `None`: the account is the player.
    pub player: Option<String>,
    /// All other claims of the token.
    pub claims: Map<String, Value>,
}

impl Identity {
    /// The key of the session; `None` if it is not a valid key.
    pub(crate) fn into_player(self) -> Option<String> {
        let player = self.player.unwrap_or(self.account);
        let fits = !player.is_empty() && player != "0" && player.len() <= KEY_LEN_MAX;
        fits.then_some(player)
    }
}
