//! Sockets as traits with readiness and non-blocking reads and writes, so that one task can own both directions.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};

use crate::BoxFuture;

/// A network: the machine's, or a simulator's.
pub trait Net: Send + Sync + 'static {
    /// Opens a connection to `host:port`, with Nagle's algorithm off. A host with several addresses is dialled at all of them,
    /// each a moment after the one before, and the first that connects is taken: an address that never answers delays the
    /// connection by that moment alone.
    fn connect<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Conn>>>;

    /// Listens on `host:port`; port 0 asks for any free one.
    fn bind<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>>;
}

/// A listening socket.
pub trait Listener: Send + Sync {
    /// The address that peers dial.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Waits for the next connection. Cancel safe.
    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>>;
}

/// A connection that has been accepted, but not yet given to the worker that will own it.
pub struct Accepted {
    /// Who dialled.
    pub peer: SocketAddr,
    /// Turns it into a connection of the runtime that calls this.
    pub attach: Box<dyn FnOnce() -> io::Result<Box<dyn Conn>> + Send>,
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepted").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// One connection. Readiness is polled, reads and writes are tried: what tokio's `TcpStream` offers.
///
/// Readiness may be spurious: a try that would block answers `WouldBlock` and clears it. At most one task may wait for each
/// direction.
pub trait Conn: Send + Sync {
    /// Waits until a read may succeed.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Appends what has arrived to `buf`, at most its spare capacity; `Ok(0)` is the end of the stream.
    fn try_read(&self, buf: &mut BytesMut) -> io::Result<usize>;

    /// Waits until a write may succeed.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Writes some of `bufs`.
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Who is at the other end.
    fn peer_addr(&self) -> io::Result<SocketAddr>;

    /// Writes `bytes` as far as the socket takes them, and removes what it took; `true` when nothing is left.
    ///
    /// # Errors
    /// The connection failed.
    fn try_write_all(&self, bytes: &mut BytesMut) -> io::Result<bool> {
        while !bytes.is_empty() {
            match self.try_write_vectored(&[IoSlice::new(bytes)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => bytes.advance(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// A connection that is shared, for a library that wants to own it.
impl<C: Conn + ?Sized> Conn for Arc<C> {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_readable(cx)
    }

    fn try_read(&self, buf: &mut BytesMut) -> io::Result<usize> {
        (**self).try_read(buf)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_writable(cx)
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (**self).try_write_vectored(bufs)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        (**self).peer_addr()
    }
}

/// What an address counts as where there are limits per address: an IPv4 address as itself, also when it is mapped into IPv6, and
/// an IPv6 address as its /64 network, because a client has that many of them.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}
