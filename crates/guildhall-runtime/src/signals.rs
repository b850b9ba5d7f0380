//! The signals that end an app: the only place that knows which operating system this is.

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
