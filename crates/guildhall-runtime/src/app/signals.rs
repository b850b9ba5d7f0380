//! The signals that end or reload an app: the only place that knows which operating system this is.

/// Waits for SIGTERM or SIGINT (Ctrl-C elsewhere).
pub(crate) async fn shutdown() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut term), Ok(mut int)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        {
            tokio::select! { biased; _ = term.recv() => {}, _ = int.recv() => {} }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // No way to be told: run until killed.
        std::future::pending::<()>().await;
    }
}

/// SIGHUPs. Made before the app starts: a process that does not listen for them is ended by one.
#[derive(Debug)]
pub(crate) struct Hangups {
    #[cfg(unix)]
    signals: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(unix)]
            signals: {
                use tokio::signal::unix::{SignalKind, signal};
                signal(SignalKind::hangup()).ok()
            },
        }
    }

    /// Runs `reload` at each, one after the other; what it answers is in the log. Those that come meanwhile are one.
    pub(crate) async fn each<F: Future>(&mut self, reload: impl Fn() -> F) {
        #[cfg(unix)]
        if let Some(signals) = &mut self.signals {
            while signals.recv().await.is_some() {
                let _said = reload().await;
            }
        }
        let _never = reload;
        std::future::pending().await
    }
}
