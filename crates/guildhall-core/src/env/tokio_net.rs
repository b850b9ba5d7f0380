//! The real network, by tokio.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::net::{TcpListener, TcpStream};

use super::dial::connect_tcp;
use super::net::{Accepted, Conn, Listener, Net};
use crate::BoxFuture;

/// TCP of this machine.
#[derive(Debug, Clone, Copy)]
pub struct TokioNet;

impl Net for TokioNet {
    fn connect<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Conn>>> {
        Box::pin(async move {
            let stream = connect_tcp(addr).await?;
            Ok(Box::new(TcpConn(stream)) as Box<dyn Conn>)
        })
    }

    fn bind<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = TcpListener::bind(addr).await?;
            Ok(Box::new(TcpAcceptor(listener)) as Box<dyn Listener>)
        })
    }
}

struct TcpAcceptor(TcpListener);

impl Listener for TcpAcceptor {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async {
            let (stream, peer) = self.0.accept().await?;
            stream.set_nodelay(true)?;
            // Taken off this runtime's reactor, so that the worker that owns it can put it on its own.
            let stream = stream.into_std()?;
            let attach =
                move || Ok(Box::new(TcpConn(TcpStream::from_std(stream)?)) as Box<dyn Conn>);
            Ok(Accepted { peer, attach: Box::new(attach) })
        })
    }
}

struct TcpConn(TcpStream);

impl Conn for TcpConn {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }

    fn try_read(&self, buf: &mut BytesMut) -> io::Result<usize> {
        self.0.try_read_buf(buf)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(cx)
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match bufs {
            [one] => self.0.try_write(one),
            many => self.0.try_write_vectored(many),
        }
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}
