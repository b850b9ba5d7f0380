//! What the gate has counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a gate, since its start. Relaxed: each is right, and they need not fit each other.
#[derive(Debug, Default)]
pub struct GateStats {
    /// Connections at present.
    pub connections: AtomicU64,
    /// Calls and casts that were handed on.
    pub calls: AtomicU64,
    /// Calls that were answered with an error.
    pub errors: AtomicU64,
    /// Pushes that were queued for a client: one for each client that gets it.
    pub pushes: AtomicU64,
    /// How often the body of a push was put into the form of a client: at most twice per broadcast.
    pub encodes: AtomicU64,
    /// Packets that nobody got: before HELLO, casts over a limit or to no method, pushes to clients that are gone.
    pub dropped: AtomicU64,
    /// Connections that the gate refused or ended.
    pub cut: AtomicU64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
