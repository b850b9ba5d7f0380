//! Draining because a peer asks for it: `Node.Drain`, `guildhall drain`.

use tokio_util::sync::CancellationToken;

use super::RunningApp;

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

impl RunningApp {
    /// Ends when somebody has asked the app to drain with the rpc `Node.Drain` (`guildhall drain`). [`App::run`](crate::App::run)
    /// drains then, as at SIGTERM; a program that has called [`App::start`](crate::App::start) waits for this itself, and calls
    /// [`RunningApp::shutdown`].
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped: who asks once has asked for good.
    pub fn drain_asked(&self) -> impl Future<Output = ()> + Send + 'static {
        self.inner.part::<DrainAsked>().asked.clone().cancelled_owned()
    }
}
