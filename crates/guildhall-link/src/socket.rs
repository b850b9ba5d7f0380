//! A connection with its read buffer: awaits over the tries of [`Conn`].

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use guildhall_core::env::{Conn, ConnIo};

/// How much is read at a time.
const READ: usize = 64 * 1024;

/// A connection with its read buffer.
pub struct Socket {
    conn: Box<dyn Conn>,
    /// What has arrived and was not consumed.
    pub(crate) input: BytesMut,
}

impl Socket {
    pub(crate) fn new(conn: Box<dyn Conn>) -> Self {
        Self { conn, input: BytesMut::new() }
    }

    /// Reads what is there, at least a byte. Cancel safe.
    pub(crate) async fn read(&mut self) -> Result<()> {
        loop {
            std::future::poll_fn(|cx| self.conn.poll_readable(cx)).await?;
            match self.read_now() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    /// Reads what is there, or writes what it can of `bytes`, whichever comes first: a side that only writes while the other only
    /// writes waits for ever. `true` when something was read. Cancel safe.
    pub(crate) async fn read_or_write(&mut self, bytes: &mut BytesMut) -> Result<bool> {
        loop {
            let readable = std::future::poll_fn(|cx| {
                if let Poll::Ready(readable) = self.conn.poll_readable(cx) {
                    return Poll::Ready(readable.map(|()| true));
                }
                match bytes.is_empty() {
                    true => Poll::Pending,
                    false => self.conn.poll_writable(cx).map_ok(|()| false),
                }
            });
            if !readable.await? {
                self.write_now(bytes)?;
                if bytes.is_empty() {
                    return Ok(false);
                }
                continue;
            }
            match self.read_now() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read.map(|()| true),
            }
        }
    }

    /// Writes what goes without waiting, and leaves the rest.
    pub(crate) fn write_now(&self, bytes: &mut BytesMut) -> Result<()> {
        while !bytes.is_empty() {
            match self.conn.try_write_vectored(&[IoSlice::new(bytes)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => bytes.advance(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        bytes.clear();
        Ok(())
    }

    fn read_now(&mut self) -> Result<()> {
        self.input.reserve(READ / 2);
        match self.conn.try_read(&mut self.input)? {
            0 => Err(Error::new(ErrorKind::UnexpectedEof, "the peer closed")),
            _ => Ok(()),
        }
    }

    /// Writes all of `bytes` and leaves it empty.
    pub(crate) async fn write(&mut self, bytes: &mut BytesMut) -> Result<()> {
        loop {
            self.write_now(bytes)?;
            if bytes.is_empty() {
                return Ok(());
            }
            std::future::poll_fn(|cx| self.conn.poll_writable(cx)).await?;
        }
    }

    /// The connection as a stream, from where it was read to.
    pub fn into_io(self) -> ConnIo {
        ConnIo::after(self.conn, self.input)
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("input", &self.input.len()).finish_non_exhaustive()
    }
}
