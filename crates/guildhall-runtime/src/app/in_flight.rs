//! Counts the calls that run, so that draining can wait for the last one.

use tokio::sync::watch;

/// How many calls run.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(watch::Sender<usize>);

/// One call that runs.
pub(crate) struct Token(InFlight);

impl InFlight {
    pub(crate) fn token(&self) -> Token {
        self.0.send_modify(|running| *running += 1);
        Token(self.clone())
    }

    /// Waits until no call runs. Cancel safe.
    pub(crate) async fn wait_empty(&self) {
        let mut running = self.0.subscribe();
        // Fails only without a sender, and this is one.
        let _closed = running.wait_for(|running| *running == 0).await;
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.send_modify(|running| *running -= 1);
    }
}
