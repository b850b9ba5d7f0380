//! Bytes in memory as `std::io::Read` and `Write`, for libraries (WebSocket) that want those and must not meet a socket.

use std::io::{self, ErrorKind, Read, Write};

use bytes::{Buf as _, BytesMut};

use super::net::Conn;

/// Reads at most this many bytes at a time.
const READ: usize = 8 * 1024;

/// What has arrived and what is to be sent. A read of nothing answers `WouldBlock`; a write always succeeds, so whoever writes bounds
/// what it writes.
///
/// ```
/// use std::io::{ErrorKind, Read as _, Write as _};
///
/// use guildhall_core::env::{Env, Pipe};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let env = Env::real();
/// let listener = env.net().bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?.to_string();
/// let near = env.net().connect(&address).await?;
/// let far = (listener.accept().await?.attach)()?;
///
/// let mut sent = Pipe::default();
/// sent.write_all(b"hello")?;
/// sent.drain(&*near).await?;
///
/// let (mut received, mut hello) = (Pipe::default(), [0; 5]);
/// assert_eq!(received.read(&mut hello).unwrap_err().kind(), ErrorKind::WouldBlock);
/// while received.input.len() < hello.len() {
///     received.fill(&*far).await?;
/// }
/// received.read_exact(&mut hello)?;
/// assert_eq!(&hello, b"hello");
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct Pipe {
    /// Bytes that have arrived and that the library has not read.
    pub input: BytesMut,
    /// Bytes that the library has written and that the socket has not taken.
    pub output: BytesMut,
}

impl Pipe {
    /// Adds to the input what the connection has; 0 is its end.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing at the moment, or the connection failed.
    pub fn try_fill(&mut self, conn: &dyn Conn) -> io::Result<usize> {
        self.input.reserve(READ);
        let read = conn.try_read(&mut self.input);
        if self.input.is_empty() {
            // An idle connection holds no memory.
            self.input = BytesMut::new();
        }
        read
    }

    /// Waits until the connection has something, and adds it to the input; 0 is its end.
    ///
    /// # Errors
    /// The connection failed.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn fill(&mut self, conn: &dyn Conn) -> io::Result<usize> {
        loop {
            std::future::poll_fn(|cx| conn.poll_readable(cx)).await?;
            match self.try_fill(conn) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    /// Writes the whole output to the connection.
    ///
    /// # Errors
    /// The connection failed.
    ///
    /// # Cancel safety
    /// What was not written stays in the output when it is dropped.
    pub async fn drain(&mut self, conn: &dyn Conn) -> io::Result<()> {
        while !conn.try_write_all(&mut self.output)? {
            std::future::poll_fn(|cx| conn.poll_writable(cx)).await?;
        }
        Ok(())
    }
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() && !buf.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = self.input.len().min(buf.len());
        let (now, _later) = buf.split_at_mut(n);
        self.input.copy_to_slice(now);
        Ok(n)
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(buf);
        Ok(buf.len())
    }

    /// Nothing is held back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
