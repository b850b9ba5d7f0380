//! HTTP over the app's own sockets: bounded connections, no peer that is silent for ever, and an end that answers what runs.

mod conn;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use guildhall::StartError;
use guildhall::env::{Env, Listener};
use tokio::sync::{Semaphore, watch};

use conn::WebConn;

/// What bounds the connections of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time; one more is closed at once.
    pub(crate) connections: usize,
    /// How long a peer may neither send nor take a byte.
    pub(crate) idle: Duration,
}

/// One HTTP server.
#[derive(Debug)]
pub(crate) struct Web {
    addr: OnceLock<SocketAddr>,
    /// True: take nothing new. Closed when the server has ended.
    stop: watch::Sender<bool>,
}

impl Web {
    pub(crate) fn new() -> Self {
        Self { addr: OnceLock::new(), stop: watch::Sender::new(false) }
    }

    /// Where it listens, once it does.
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        self.addr.get().copied()
    }

    /// Binds `address`, the value of the setting `key`, and serves until [`Web::stop`].
    pub(crate) async fn serve(
        &self,
        env: &Env,
        key: &str,
        address: &str,
        limits: Limits,
        router: Router,
    ) -> Result<(), StartError> {
        let bound = env.listen(key, address).await;
        let (listener, addr) = bound.map_err(StartError::new)?;
        self.addr.get_or_init(|| addr);
        let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        let listener = WebListener { env: env.clone(), listener, places, idle: limits.idle };
        let mut stop = self.stop.subscribe();
        env.spawn("http", async move {
            let mut stopped = stop.clone();
            let stopped = async move {
                let _stopped_or_gone = stopped.wait_for(|stop| *stop).await;
            };
            let served = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
            if let Err(error) = served {
                tracing::error!(%addr, %error, "an HTTP server ended");
            }
            // Held until here: `stop` below waits for it.
            stop.mark_unchanged();
        });
        Ok(())
    }

    /// Takes nothing new, and returns when what runs has been answered.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        self.stop.closed().await;
    }
}

struct WebListener {
    env: Env,
    listener: Box<dyn Listener>,
    places: Arc<Semaphore>,
    idle: Duration,
}

/// Pause after a connection that could not be accepted: out of file descriptors, mostly.
const AGAIN: Duration = Duration::from_millis(50);

impl axum::serve::Listener for WebListener {
    type Io = WebConn;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (WebConn, SocketAddr) {
        loop {
            let accepted = self.listener.accept().await;
            let opened = accepted.and_then(|accepted| Ok((accepted.peer, (accepted.attach)()?)));
            match (opened, Arc::clone(&self.places).try_acquire_owned()) {
                (Ok((peer, conn)), Ok(place)) => {
                    return (WebConn::new(self.env.clone(), conn, place, self.idle), peer);
                }
                (Ok((peer, _)), Err(_)) => {
                    tracing::warn!(%peer, "refused: there are too many connections");
                }
                (Err(error), _) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    self.env.sleep(AGAIN).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
