//! [`Server`]: accepts connections until it is stopped.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::{Accepted, Conn, Instant, Listener, network};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::drive::drive;
use crate::exchange::{Here, Shared};
use crate::limits::Limits;
use crate::message::Service;
use crate::places::Places;
use crate::seat::Seat;

/// Pause after a connection that could not be accepted, mostly because there are no more descriptors.
const AGAIN: Duration = Duration::from_millis(50);
/// How often the log says that connections are refused.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// A running HTTP server, until [`Server::stop`] or the end of its `Env`.
#[derive(Debug)]
#[must_use = "only `stop` ends the server in order"]
pub struct Server {
    addr: SocketAddr,
    /// True: take nothing new. All connections and the acceptor listen to it.
    stop: watch::Sender<bool>,
    acceptor: JoinHandle<Option<()>>,
}

impl Server {
    /// Listens on `address`, the value of the setting `key`, and answers requests with `service`.
    ///
    /// # Errors
    /// The address cannot be bound. The text names the setting, its value, and the problem.
    ///
    /// # Cancel safety
    /// Dropping the future starts no server.
    pub async fn start<S: Service>(
        env: &Env,
        key: &str,
        address: &str,
        limits: Limits,
        service: S,
    ) -> Result<Self, String> {
        let (listener, addr) = env.listen(key, address).await?;
        let stop = watch::Sender::new(false);
        let shared = Arc::new(Shared { env: env.clone(), limits, service });
        let acceptor = env.spawn("http", accept(shared, listener, stop.subscribe()));
        Ok(Self { addr, stop, acceptor })
    }

    /// The bound address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, and waits until the running requests are answered, for at most twice `Limits::request`: once for the answer
    /// and once for the client to read it.
    ///
    /// # Cancel safety
    /// The server stops also when the future is dropped.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        self.stop.closed().await;
    }

    /// Detaches the server, which runs until the end of its `Env`; the returned task ends then.
    pub fn detach(self) -> JoinHandle<Option<()>> {
        self.acceptor
    }
}

async fn accept<S: Service>(
    shared: Arc<Shared<S>>,
    listener: Box<dyn Listener>,
    stop: watch::Receiver<bool>,
) {
    let (env, limits) = (&shared.env, &shared.limits);
    let places = Places::new(limits.connections, limits.per_address);
    let mut stopped = stop.clone();
    let mut said: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            biased;
            // A server that was detached is not stopped.
            Ok(_) = stopped.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        let (peer, conn) = match accepted.and_then(attach) {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "an HTTP connection was not accepted");
                places.make_room();
                env.sleep(AGAIN).await;
                continue;
            }
        };
        let network = network(peer.ip());
        let seat = Arc::new(Seat::new(env.clone(), limits));
        let Some(place) = Places::admit(&places, network, Arc::clone(&seat)) else {
            refuse(env, &*conn).await;
            if said.is_none_or(|said| env.now() >= said + SAY_EVERY) {
                said = Some(env.now());
                tracing::warn!(%network, connections = limits.connections, per_address = limits.per_address,
                    "HTTP connection refused: all connections have running requests");
            }
            continue;
        };
        let here = Here::new(seat, network);
        let driven = drive(Arc::clone(&shared), conn, here, stop.clone());
        env.spawn("http-connection", async move {
            driven.await;
            drop(place);
        });
    }
}

fn attach(accepted: Accepted) -> std::io::Result<(SocketAddr, Arc<dyn Conn>)> {
    Ok((accepted.peer, (accepted.attach)()?.into()))
}

/// Longest that a refusal may hold up the next connection.
const REFUSAL: Duration = Duration::from_millis(20);

/// Says so as far as one try goes: a connection that is refused costs no task.
async fn refuse(env: &Env, conn: &dyn Conn) {
    const WHY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
    // A new socket has room; it only has to learn that.
    let writable = std::future::poll_fn(|cx| conn.poll_writable(cx));
    if env.until(env.now() + REFUSAL, writable).await.is_some() {
        let _best_effort = conn.try_write_vectored(&[IoSlice::new(WHY)]);
    }
}
