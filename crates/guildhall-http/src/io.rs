//! A connection of `Env` for hyper, which has traits of its own for reading and writing.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use guildhall_core::env::Conn;
use hyper::rt::{Read, ReadBufCursor, Write};

use crate::seat::Seat;

/// Bytes that are read ahead of hyper at most.
const READ_AHEAD: usize = 8 << 10;

/// A connection that hyper reads and writes: its server, or its client.
pub struct Io {
    conn: Arc<dyn Conn>,
    ahead: BytesMut,
    seat: Option<Arc<Seat>>,
}

impl Io {
    /// Wraps `conn`.
    pub fn new(conn: Box<dyn Conn>) -> Self {
        Self { conn: conn.into(), ahead: BytesMut::new(), seat: None }
    }

    pub(crate) fn seated(conn: Arc<dyn Conn>, seat: Arc<Seat>) -> Self {
        Self { conn, ahead: BytesMut::new(), seat: Some(seat) }
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.ahead.is_empty() {
            ready!(this.conn.poll_readable(cx))?;
            this.ahead.reserve(READ_AHEAD);
            match this.conn.try_read(&mut this.ahead) {
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(_) => {
                    if let Some(seat) = &this.seat {
                        seat.received();
                    }
                }
                // A connection that waits holds no memory.
                Err(e) if e.kind() == ErrorKind::WouldBlock => this.ahead = BytesMut::new(),
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
        let n = this.ahead.len().min(buf.remaining());
        let (now, _later) = this.ahead.split_at(n);
        buf.put_slice(now);
        this.ahead.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
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
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.conn.poll_writable(cx))?;
            match self.conn.try_write_vectored(bufs) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").field("ahead", &self.ahead.len()).finish_non_exhaustive()
    }
}
