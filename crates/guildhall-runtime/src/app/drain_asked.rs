//! Draining because a peer asks for it: `Node.Drain`, `guildhall drain`.

use super::RunningApp;

impl RunningApp {
    /// Ends when somebody has asked the app to drain with the rpc `Node.Drain` (`guildhall drain`). [`App::run`](crate::App::run)
    /// drains then, as at SIGTERM; a program that has called [`App::start`](crate::App::start) waits for this itself, and calls
    /// [`RunningApp::shutdown`].
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped: who asks once has asked for good.
    pub fn drain_asked(&self) -> impl Future<Output = ()> + Send + 'static {
        self.inner.drain_asked.clone().cancelled_owned()
    }
}
