//! [`Limits`]: bounds of a server and its connections.

use std::time::Duration;

use crate::cors::Origins;

/// Bounds of a server and its connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections. One more replaces the connection that has waited longest for its client; if all of them have running
    /// requests, the new one is refused with 503.
    pub connections: usize,
    /// Open connections from one address (IPv6: one /64 network). One more replaces another one of that address.
    pub per_address: usize,
    /// Time from the first byte of a request to the end of its head, and from the start of a connection to its first byte.
    pub head: Duration,
    /// Largest body of a request, in bytes.
    pub body_max: usize,
    /// Time for the body of a request and its answer together, and for the client to take the answer.
    pub request: Duration,
    /// Longest silence of a connection between two requests.
    pub idle: Duration,
    /// Whether a connection may have several requests, one after the other.
    pub keep_alive: bool,
    /// Web sites whose pages may read the answers.
    pub origins: Origins,
}
