//! A connection of `Env` for hyper, which has traits of its own for reading and writing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use guildhall_core::env::{Conn, ConnIo};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncBufRead as _, AsyncWrite as _};

use crate::seat::Seat;

/// A connection that hyper reads and writes: its server, or its client.
pub struct Io {
    conn: ConnIo,
    /// Notes when bytes have come and when all of them were sent.
    seat: Option<Arc<Seat>>,
}

impl Io {
    /// Wraps `conn`.
    pub fn new(conn: Box<dyn Conn>) -> Self {
        Self { conn: ConnIo::new(conn), seat: None }
    }

    pub(crate) fn seated(conn: Arc<dyn Conn>, seat: Arc<Seat>) -> Self {
        Self { conn: ConnIo::new(Box::new(conn)), seat: Some(seat) }
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { conn, seat } = &mut *self;
        let ahead = ready!(Pin::new(&mut *conn).poll_fill_buf(cx))?;
        if let (Some(seat), false) = (seat, ahead.is_empty()) {
            seat.received();
        }
        let n = ahead.len().min(buf.remaining());
        let (now, _later) = ahead.split_at(n);
        buf.put_slice(now);
        Pin::new(conn).consume(n);
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.conn).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(seat) = &self.seat {
            seat.flushed();
        }
        Poll::Ready(Ok(()))
    }

    /// The connection is closed when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.conn).poll_write_vectored(cx, bufs)
    }
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").field("conn", &self.conn).finish_non_exhaustive()
    }
}
