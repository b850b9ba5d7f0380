//! [`Reason`]: why exactly a call failed. The framework's reasons are constants below 1000; a game's own begin at 1000
//! (`guildhall.errors`).

use std::fmt;

/// Why exactly a call failed: a number on the wire, with a name where the framework knows one.
///
/// The framework's reasons are the constants of [`status::reason`](crate::status::reason), below 1000. A game's own begin at 1000: they
/// are generated from an enum with `option (guildhall.errors)` and compared with [`Status::is`](crate::Status::is).
///
/// # Examples
/// ```
/// use guildhall_core::status::{Reason, reason};
///
/// assert_eq!(reason::MOVED.to_string(), "MOVED");
/// assert_eq!(Reason::new(4), reason::MOVED);
/// assert_eq!(Reason::new(1203).to_string(), "1203");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(u32);

impl Reason {
    /// The reason with this number on the wire.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number on the wire.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Its name, if it is one of the framework's.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(reason, _)| *reason == self).map(|(_, name)| *name)
    }
}

/// The name, or the number of a reason that has none here.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        $($(#[$doc])* pub const $name: Reason = Reason::new($number);)*

        const NAMES: &[(Reason, &str)] = &[$(($name, stringify!($name))),*];
    };
}

reasons! {
    /// The status gives no reason.
    NONE = 0;
    /// No ready app serves the service.
    NO_ROUTE = 1;
    /// The connection was lost, or the activation ended before its changes were saved.
    LOST = 2;
    /// The app drains.
    GOING_AWAY = 3;
    /// Another app owns the slot.
    MOVED = 4;
    /// The app has not started yet.
    NOT_READY = 5;
    /// A queue is full; the message names the setting.
    OVERLOADED = 6;
    /// A rate or concurrency limit is exhausted.
    LIMITED = 7;
    /// A circuit breaker is open.
    BREAKER_OPEN = 8;
    /// The call would wait for itself; the message has the cycle.
    DEADLOCK = 9;
    /// The deadline passed.
    EXPIRED = 10;
    /// The caller cancelled the call.
    CANCELLED = 11;
    /// The handler panicked.
    PANICKED = 12;
    /// The turn exceeded `turn_limit_ms`.
    TURN_LIMIT = 13;
    /// The app does not serve the method.
    NO_SUCH_METHOD = 14;
    /// The request does not decode.
    BAD_REQUEST = 15;
    /// The key is empty, too long, of another type, or not the session's player.
    BAD_KEY = 16;
    /// A frame or a row exceeds its limit.
    TOO_LARGE = 17;
    /// The row does not exist, and the method may not create it.
    NO_SUCH_ENTITY = 18;
    /// The store failed.
    STORE = 19;
    /// Another owner has claimed the row.
    NOT_THE_OWNER = 20;
    /// There is no session.
    UNAUTHENTICATED = 21;
    /// Sent by earlier gates for a method without `client: true`.
    NOT_FOR_CLIENTS = 22;
    /// Another login of the player took over.
    KICKED = 23;
    /// The reply does not decode.
    BAD_REPLY = 24;
    /// The command ran, and its reply is no longer stored.
    REPLY_GONE = 25;
    /// The row belongs to an actor type of another NAME, or with another number of slots.
    OTHER_LEASE = 26;
    /// The row was changed since it was read.
    CONFLICT = 40;
    /// The row exists, or another row has the same value in a unique column.
    EXISTS = 41;
}
