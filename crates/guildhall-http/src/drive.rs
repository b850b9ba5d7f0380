//! One connection, from its first byte to its end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use guildhall_core::env::{Conn, Instant};
use guildhall_core::{BoxFuture, Env};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::sync::watch;

use crate::exchange::{Here, Shared, exchange};
use crate::io::Io;
use crate::message::Service;
use crate::seat::{Phase, Seat};

/// Bytes of a request's head; hyper takes no less.
const HEAD_MAX: usize = 8 << 10;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// How long a client whose request was refused may go on sending it.
const LINGER: Duration = Duration::from_millis(500);
/// Bytes that it may send meanwhile.
const LINGER_MAX: usize = 256 << 10;

/// Serves a connection until its end, a deadline, another connection that takes its place, or the end of the server.
pub(crate) async fn drive<S: Service>(
    shared: Arc<Shared<S>>,
    conn: Arc<dyn Conn>,
    here: Arc<Here>,
    stop: watch::Receiver<bool>,
) {
    let seat = Arc::clone(&here.seat);
    let served = serve(&shared, &conn, Arc::clone(&here), stop);
    let end = tokio::select! {
        biased;
        () = seat.given_up.cancelled() => Err("replaced by a new connection".to_owned()),
        end = served => end,
    };
    if let Err(why) = end {
        tracing::debug!(network = %here.network, why, "an HTTP connection ended");
        if seat.given_up.is_cancelled() {
            return;
        }
    }
    linger(&shared.env, &*conn, here.unread.load(Ordering::Relaxed)).await;
}

async fn serve<S: Service>(
    shared: &Arc<Shared<S>>,
    conn: &Arc<dyn Conn>,
    here: Arc<Here>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), String> {
    let (env, seat) = (&shared.env, Arc::clone(&here.seat));
    let answer = {
        let shared = Arc::clone(shared);
        service_fn(move |request| exchange(Arc::clone(&shared), Arc::clone(&here), request))
    };
    let mut http = http1::Builder::new();
    // Deadlines are kept below, by the clock of `env`.
    http.header_read_timeout(None).auto_date_header(false).title_case_headers(true);
    http.keep_alive(shared.limits.keep_alive).max_buf_size(HEAD_MAX).max_headers(HEADERS_MAX);
    let io = Io::seated(Arc::clone(conn), Arc::clone(&seat));
    let mut http = pin!(http.serve_connection(io, answer));
    let stopped = async move {
        if stop.wait_for(|stop| *stop).await.is_err() {
            // The server was detached: nobody stops it.
            std::future::pending::<()>().await;
        }
    };
    let mut stopped = pin!(stopped);
    let mut is_stopped = false;
    let mut alarm = Alarm::new(env, seat.deadline());
    std::future::poll_fn(|cx| {
        loop {
            if let Poll::Ready(end) = http.as_mut().poll(cx) {
                return Poll::Ready(end.map_err(|error| error.to_string()));
            }
            if alarm.is_over(&seat, cx) {
                return Poll::Ready(Err(format!("too slow: {:?}", seat.phase())));
            }
            if !is_stopped && stopped.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // Nothing was asked, or it is refused anyway.
            if matches!(seat.phase(), Phase::Fresh | Phase::Head | Phase::Idle | Phase::Held(_)) {
                return Poll::Ready(Ok(()));
            }
            if is_stopped {
                return Poll::Pending;
            }
            is_stopped = true;
            http.as_mut().graceful_shutdown();
        }
    })
    .await
}

/// Wakes the connection when its deadline may be over. A deadline that moves away does not wind it up again: it looks when it rings.
struct Alarm<'a> {
    env: &'a Env,
    at: Instant,
    rings: BoxFuture<'a, ()>,
}

impl<'a> Alarm<'a> {
    fn new(env: &'a Env, at: Instant) -> Self {
        Self { env, at, rings: Box::pin(env.sleep_until(at)) }
    }

    fn is_over(&mut self, seat: &Seat, cx: &mut std::task::Context<'_>) -> bool {
        loop {
            let deadline = seat.deadline();
            if deadline < self.at {
                *self = Self::new(self.env, deadline);
            }
            if self.rings.as_mut().poll(cx).is_pending() {
                return false;
            }
            if self.env.now() >= deadline {
                return true;
            }
            *self = Self::new(self.env, deadline);
        }
    }
}

/// A socket that is closed with something unread is reset, and its client may lose the answer.
async fn linger(env: &Env, conn: &dyn Conn, unread: bool) {
    let mut bytes = BytesMut::with_capacity(HEAD_MAX);
    let mut left = LINGER_MAX;
    let mut read = async || {
        loop {
            std::future::poll_fn(|cx| conn.poll_readable(cx)).await?;
            bytes.clear();
            match conn.try_read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(n) if n >= left => return Ok(()),
                Ok(n) => left -= n,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
    };
    if unread {
        let _closed_anyway: Option<std::io::Result<()>> =
            env.until(env.now() + LINGER, read()).await;
    } else {
        let _closed_anyway: Option<std::io::Result<()>> = read().now_or_never();
    }
}
