//! A connection as non-blocking `std::io::Read` and `Write`, for a WebSocket library.

use std::io::{self, IoSlice, Read, Write};
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};

use super::net::Conn;

/// Reads at most this many bytes ahead of the library.
const READ_AHEAD: usize = 8 * 1024;

/// Wraps a [`Conn`] for libraries that try a read or a write and take `WouldBlock` for "not now". After `WouldBlock`, wait
/// with [`readable`](Self::readable) or [`writable`](Self::writable) and call the library again.
///
/// ```
/// use std::io::{ErrorKind, Read as _, Write as _};
///
/// use guildhall_core::env::{ConnTry, Env};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let env = Env::real();
/// let listener = env.net().bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?.to_string();
/// let mut near = ConnTry::new(env.net().connect(&address).await?);
/// let mut far = ConnTry::new((listener.accept().await?.attach)()?);
///
/// near.write_all(b"hello")?;
/// let mut hello = [0; 5];
/// let n = loop {
///     match far.read(&mut hello) {
///         Err(error) if error.kind() == ErrorKind::WouldBlock => far.readable().await?,
///         read => break read?,
///     }
/// };
/// assert_eq!(&hello[..n], b"hello");
/// # Ok(()) }
/// ```
pub struct ConnTry {
    conn: Box<dyn Conn>,
    ahead: BytesMut,
}

impl ConnTry {
    /// Wraps `conn`.
    pub fn new(conn: Box<dyn Conn>) -> Self {
        Self { conn, ahead: BytesMut::new() }
    }

    /// The connection itself. What is read from it directly is lost to the library.
    pub fn conn(&self) -> &dyn Conn {
        &*self.conn
    }

    /// Waits until a read may succeed; it may be wrong about that.
    ///
    /// # Errors
    /// The connection failed.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn readable(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// [`readable`](Self::readable) as a poll.
    ///
    /// # Errors
    /// The connection failed.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() { self.conn.poll_readable(cx) } else { Poll::Ready(Ok(())) }
    }

    /// Waits until a write may succeed; it may be wrong about that.
    ///
    /// # Errors
    /// The connection failed.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn writable(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_writable(cx)).await
    }

    /// [`writable`](Self::writable) as a poll.
    ///
    /// # Errors
    /// The connection failed.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.conn.poll_writable(cx)
    }
}

impl Read for ConnTry {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() && !buf.is_empty() {
            self.ahead.reserve(READ_AHEAD);
            let read = self.conn.try_read(&mut self.ahead);
            if read.is_err() {
                // An idle connection holds no memory.
                self.ahead = BytesMut::new();
            }
            read?;
        }
        let n = self.ahead.len().min(buf.len());
        let (now, _later) = buf.split_at_mut(n);
        self.ahead.copy_to_slice(now);
        Ok(n)
    }
}

impl Write for ConnTry {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.conn.try_write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.conn.try_write_vectored(bufs)
    }

    /// Nothing is held back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for ConnTry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnTry").field("ahead", &self.ahead.len()).finish_non_exhaustive()
    }
}
