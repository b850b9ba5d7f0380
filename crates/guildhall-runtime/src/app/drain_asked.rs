//! Drains the app at the request of a peer: `Node.Drain`, `guildhall drain`.

use tokio_util::sync::CancellationToken;

/// Whether a peer has asked the app to drain.
#[derive(Debug)]
pub(crate) struct DrainAsked {
    /// Cancelled when one has.
    pub(crate) asked: CancellationToken,
    /// How long draining may take (`app.drain_ms`).
    pub(crate) drain_ms: u64,
}

impl DrainAsked {
    pub(super) fn new(drain_ms: u64) -> Self {
        Self { asked: CancellationToken::new(), drain_ms }
    }
}
