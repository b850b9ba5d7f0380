//! A connection as tokio's `AsyncRead`, `AsyncBufRead` and `AsyncWrite`, for libraries (HTTP, yamux).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::net::Conn;

/// Reads at most this many bytes ahead of the library.
const READ_AHEAD: usize = 8 * 1024;

/// Wraps a [`Conn`] for libraries that read and write streams.
pub struct ConnIo {
    conn: Box<dyn Conn>,
    ahead: BytesMut,
}

impl ConnIo {
    /// Wraps `conn`.
    pub fn new(conn: Box<dyn Conn>) -> Self {
        Self::after(conn, BytesMut::new())
    }

    /// Wraps `conn`, of which `ahead` has been read already.
    pub fn after(conn: Box<dyn Conn>, ahead: BytesMut) -> Self {
        Self { conn, ahead }
    }
}

impl AsyncBufRead for ConnIo {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.ahead.is_empty() {
            ready!(this.conn.poll_readable(cx))?;
            this.ahead.reserve(READ_AHEAD);
            match this.conn.try_read(&mut this.ahead) {
                Ok(0) => break,
                Ok(_) => {}
                // A connection that waits holds no memory.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => this.ahead = BytesMut::new(),
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
        Poll::Ready(Ok(&this.ahead))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.ahead.advance(amount);
    }
}

impl AsyncRead for ConnIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ahead = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = ahead.len().min(buf.remaining());
        buf.put_slice(&ahead[..n]);
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ConnIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
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
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The connection is closed when it is dropped; the library has flushed by then.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl std::fmt::Debug for ConnIo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnIo").field("ahead", &self.ahead.len()).finish_non_exhaustive()
    }
}
