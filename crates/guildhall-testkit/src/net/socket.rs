//! Sockets of a simulated network: streams and listening ports.

use std::future::poll_fn;
use std::io::{IoSlice, Result};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::BytesMut;
use guildhall_core::BoxFuture;
use guildhall_core::env::{Accepted, Conn, Listener};

use super::SimNet;
use super::hosts::Alive;
use super::stream::{Side, Stream, StreamId};

/// One end of a stream. Dropping it closes the end.
pub(super) struct SimConn {
    net: SimNet,
    stream: StreamId,
    side: Side,
    peer: SocketAddr,
}

impl SimConn {
    pub(super) fn new(net: SimNet, stream: StreamId, side: Side, peer: SocketAddr) -> Self {
        Self { net, stream, side, peer }
    }

    /// Waits for the answer of the other host.
    pub(super) async fn opened(&self) -> Result<()> {
        poll_fn(|cx| self.poll(|stream| stream.end(self.side).poll_opened(cx))).await
    }

    fn poll(&self, poll: impl FnOnce(&mut Stream) -> Poll<Result<()>>) -> Poll<Result<()>> {
        self.net.with(|state| match state.stream(self.stream, self.side) {
            Ok(stream) => poll(stream),
            Err(gone) => Poll::Ready(Err(gone)),
        })
    }
}

impl Conn for SimConn {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll(|stream| stream.end(self.side).poll_readable(cx))
    }

    fn try_read(&self, buf: &mut BytesMut) -> Result<usize> {
        self.net.with(|state| state.read(self.stream, self.side, buf))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll(|stream| stream.poll_writable(self.side, cx))
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.net.with(|state| state.write(self.stream, self.side, bufs))
    }

    fn peer_addr(&self) -> Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl Drop for SimConn {
    fn drop(&mut self) {
        self.net.with(|state| state.close(self.stream, self.side));
    }
}

/// A listening port. Dropping it refuses whoever comes, and resets whoever waits.
pub(super) struct SimListener {
    net: SimNet,
    alive: Alive,
    addr: SocketAddr,
}

impl SimListener {
    pub(super) fn new(net: SimNet, alive: Alive, addr: SocketAddr) -> Self {
        Self { net, alive, addr }
    }
}

impl Listener for SimListener {
    fn local_addr(&self) -> Result<SocketAddr> {
        Ok(self.addr)
    }

    fn accept(&self) -> BoxFuture<'_, Result<Accepted>> {
        Box::pin(async {
            let next = |cx: &mut Context<'_>| {
                let port = self.addr.port();
                let next = self.net.with(|state| state.accept(self.alive, port, cx.waker()));
                next.transpose().map_or(Poll::Pending, Poll::Ready)
            };
            let (stream, peer) = poll_fn(next).await?;
            let conn = SimConn::new(self.net.clone(), stream, Side::Acceptor, peer);
            Ok(Accepted { peer, attach: Box::new(|| Ok(Box::new(conn) as Box<dyn Conn>)) })
        })
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.net.with(|state| {
            for stream in state.hosts.unbind(self.alive, self.addr.port()) {
                state.close(stream, Side::Acceptor);
            }
        });
    }
}
