//! A connection with its read buffer: awaits over the tries of [`Conn`].

use std::io::{Error, ErrorKind, IoSlice, Result};

use bytes::{Buf as _, BytesMut};
use guildhall_core::env::Conn;

/// How much is read at a time.
const READ: usize = 64 * 1024;

pub(crate) struct Socket {
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
            self.input.reserve(READ / 2);
            match self.conn.try_read(&mut self.input) {
                Ok(0) => return Err(Error::new(ErrorKind::UnexpectedEof, "the peer closed")),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes all of `bytes` and leaves it empty.
    pub(crate) async fn write(&mut self, bytes: &mut BytesMut) -> Result<()> {
        while !bytes.is_empty() {
            match self.conn.try_write_vectored(&[IoSlice::new(bytes)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => bytes.advance(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::future::poll_fn(|cx| self.conn.poll_writable(cx)).await?;
                }
                Err(error) => return Err(error),
            }
        }
        bytes.clear();
        Ok(())
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("input", &self.input.len()).finish_non_exhaustive()
    }
}
