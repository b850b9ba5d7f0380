//! [`Limits`]: bounds of a server and its connections.

use std::time::Duration;

use crate::cors::Origins;

/// What bounds a server and its connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time. One more takes the place of the connection that has waited longest for its client; if the server
    /// works for all of them, the new one is refused with 503.
    pub connections: usize,
    /// Connections at a time from one address (IPv6: one /64 network). One more takes the place of another one of that address.
    pub per_address: usize,
    /// Time from the first byte of a request to the end of its head, and from the start of a connection to its first byte.
    pub head: Duration,
    /// Largest body of a request, in bytes.
    pub body_max: usize,
    /// Time for the body of a request and its answer together, and for the client to take the answer.
    pub request: Duration,
    /// Time that a connection may be silent between two requests.
    pub idle: Duration,
    /// Whether a connection may have several requests, one after the other.
    pub keep_alive: bool,
    /// Web sites whose pages may read the answers.
    pub origins: Origins,
}
