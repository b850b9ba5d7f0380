//! One connection of an HTTP server: it has a place among them, and ends when its peer is silent for too long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use guildhall::BoxFuture;
use guildhall::env::{Conn, ConnIo, Env};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

pub(crate) struct WebConn {
    env: Env,
    conn: ConnIo,
    idle: Duration,
    /// When the peer has been silent for too long; present while something waits for it.
    silent: Option<BoxFuture<'static, ()>>,
    _place: OwnedSemaphorePermit,
}

impl WebConn {
    pub(crate) fn new(
        env: Env,
        conn: Box<dyn Conn>,
        place: OwnedSemaphorePermit,
        idle: Duration,
    ) -> Self {
        Self { env, conn: ConnIo::new(conn), idle, silent: None, _place: place }
    }

    /// Passes on what came, or waits for the limit.
    fn within<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.silent = None;
            return done;
        }
        let (env, idle) = (&self.env, self.idle);
        let silent = self.silent.get_or_insert_with(|| {
            let env = env.clone();
            Box::pin(async move { env.sleep(idle).await })
        });
        silent.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for WebConn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.conn).poll_read(cx, buf);
        self.within(cx, done)
    }
}

impl AsyncWrite for WebConn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.conn).poll_write(cx, buf);
        self.within(cx, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.conn).poll_shutdown(cx)
    }
}
