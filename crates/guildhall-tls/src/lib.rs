//! TLS by rustls over connections of [`Env`](guildhall_core::Env): for links between apps, and for plugins that connect to servers.
//!
//! | module | contents |
//! |---|---|
//! | `files` | [`certificates`], [`private_key`], [`roots`]: files of PEM |
//! | `clock` | [`Clock`]: the app's time, for the dates in certificates |
//! | `conn` | [`TlsConn`]: a connection that rustls encrypts |
//! | `servers` | [`Roots`]: whose certificates are taken from a server; [`connect`]; [`without_scheme`] |

mod files;
mod clock;
mod conn;
mod servers;

pub use clock::Clock;
pub use conn::{Shared, TlsConn};
pub use files::{certificates, private_key, roots};
pub use servers::{Roots, connect, without_scheme};
