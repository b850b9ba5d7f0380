//! [`TlsConn`]: a connection encrypted by rustls.

use std::future::poll_fn;
use std::io::{Error, ErrorKind, IoSlice, Read as _, Result, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use guildhall_core::env::Conn;
use parking_lot::Mutex;

/// Ciphertext that is read at a time.
const READ: usize = 32 * 1024;
/// Plaintext that waits for the TLS handshake: more than a hello of ours can be.
const WAITS_MAX: usize = 256 * 1024;

/// A connection under TLS. The task that reads it also sends what the protocol itself has to say.
pub struct TlsConn {
    conn: Box<dyn Conn>,
    state: Mutex<TlsSession>,
}

/// The connection for several holders: one reads and writes, another asks for the names of the peer.
#[derive(Debug)]
pub struct Shared(pub Arc<TlsConn>);

struct TlsSession {
    session: rustls::Connection,
    /// Ciphertext that has arrived and that the session has not taken.
    arrived: BytesMut,
    /// Plaintext that the session holds.
    plain: usize,
    ended: bool,
}

impl TlsConn {
    /// The connection under TLS. The handshake takes place with the first reads and writes.
    pub fn new(conn: Box<dyn Conn>, mut session: rustls::Connection) -> Self {
        session.set_buffer_limit(Some(WAITS_MAX));
        let state = TlsSession { session, arrived: BytesMut::new(), plain: 0, ended: false };
        Self { conn, state: Mutex::new(state) }
    }

    /// Waits until the handshake is over.
    ///
    /// # Errors
    /// It has failed: the certificate of the peer is not taken, or the peer does not speak TLS.
    ///
    /// # Cancel safety
    /// Cancel safe. There is no deadline: the caller has one.
    pub async fn handshake(&self) -> Result<()> {
        poll_fn(|cx| self.poll_handshake(cx)).await
    }

    fn poll_handshake(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.state.lock();
        loop {
            self.flush(&mut state)?;
            if state.session.wants_write() {
                ready!(self.conn.poll_writable(cx))?;
                continue;
            }
            if !state.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.conn.poll_readable(cx))?;
            state.arrived.reserve(READ);
            match self.conn.try_read(&mut state.arrived) {
                Ok(0) => {
                    let why = "the connection was closed in the handshake of TLS";
                    return Poll::Ready(Err(Error::new(ErrorKind::UnexpectedEof, why)));
                }
                Ok(_) => self.decrypt(&mut state)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// The URIs in the certificate of the peer.
    ///
    /// # Errors
    /// It has shown none, or one that cannot be read.
    pub fn peer_uris(&self) -> Result<Vec<String>> {
        let state = self.state.lock();
        let certificate = state.session.peer_certificates().and_then(<[_]>::first);
        let certificate =
            certificate.ok_or_else(|| refused("the peer has shown no certificate"))?;
        let certificate = webpki::EndEntityCert::try_from(certificate)
            .map_err(|e| refused(&format!("the certificate of the peer cannot be read: {e}")))?;
        Ok(certificate.valid_uri_names().map(str::to_owned).collect())
    }

    /// Sends what the session has to say, as far as it goes.
    fn flush(&self, state: &mut TlsSession) -> Result<()> {
        while state.session.wants_write() {
            match state.session.write_tls(&mut Out(&*self.conn)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives the session what has arrived, until there is plaintext.
    fn decrypt(&self, state: &mut TlsSession) -> Result<()> {
        while state.plain == 0 && !state.arrived.is_empty() {
            let mut arrived = &state.arrived[..];
            let taken = state.session.read_tls(&mut arrived)?;
            state.arrived.advance(taken);
            match state.session.process_new_packets() {
                Ok(now) => {
                    state.plain = now.plaintext_bytes_to_read();
                    state.ended |= now.peer_has_closed();
                }
                Err(error) => {
                    // Sends the alert that says why.
                    let _broken = self.flush(state);
                    return Err(refused(&format!("TLS: {error}")));
                }
            }
            if taken == 0 {
                break;
            }
        }
        self.flush(state)
    }
}

impl std::fmt::Debug for TlsConn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsConn")
    }
}

impl Conn for Shared {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.0.state.lock();
        if state.plain > 0 || state.ended || !state.arrived.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.0.flush(&mut state)?;
        while state.session.wants_write() {
            match self.0.conn.poll_writable(cx)? {
                Poll::Ready(()) => self.0.flush(&mut state)?,
                Poll::Pending => break,
            }
        }
        self.0.conn.poll_readable(cx)
    }

    fn try_read(&self, buf: &mut BytesMut) -> Result<usize> {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        loop {
            self.0.decrypt(state)?;
            if state.plain > 0 {
                let room = state.plain.min(buf.capacity() - buf.len());
                let at = buf.len();
                buf.resize(at + room, 0);
                state.session.reader().read_exact(&mut buf[at..])?;
                state.plain -= room;
                return Ok(room);
            }
            if state.ended {
                return Ok(0);
            }
            state.arrived.reserve(READ);
            if self.0.conn.try_read(&mut state.arrived)? == 0 {
                state.ended = true;
            }
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.0.state.lock();
        loop {
            self.0.flush(&mut state)?;
            if !state.session.wants_write() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.0.conn.poll_writable(cx))?;
        }
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        let mut state = self.0.state.lock();
        self.0.flush(&mut state)?;
        if state.session.wants_write() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let written = state.session.writer().write_vectored(bufs)?;
        self.0.flush(&mut state)?;
        match written {
            0 => Err(Error::other("more waits for the TLS handshake than it may")),
            n => Ok(n),
        }
    }

    fn peer_addr(&self) -> Result<SocketAddr> {
        self.0.conn.peer_addr()
    }
}

/// The connection below, for rustls.
struct Out<'a>(&'a dyn Conn);

impl Write for Out<'_> {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        self.0.try_write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.0.try_write_vectored(bufs)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::PermissionDenied, why.to_owned())
}
