//! The machine's network, of which a test sees each connection that an app dials, and cuts those it likes.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_util::task::AtomicWaker;
use guildhall::BoxFuture;
use guildhall::env::{Conn, Listener, Net, TokioNet};
use parking_lot::Mutex;

/// The connections that were dialled, in their order.
#[derive(Default)]
pub(crate) struct Switch(Mutex<Vec<Arc<Wire>>>);

#[derive(Default)]
struct Wire {
    written: AtomicUsize,
    cut: AtomicBool,
    reader: AtomicWaker,
}

impl Switch {
    pub(crate) fn dialled(&self) -> usize {
        self.0.lock().len()
    }

    /// The bytes that were written on each connection.
    pub(crate) fn written(&self) -> Vec<usize> {
        self.0.lock().iter().map(|wire| wire.written.load(Ordering::Relaxed)).collect()
    }

    /// On how many of the connections something was written since they had written `before`.
    pub(crate) fn used_since(&self, before: &[usize]) -> usize {
        self.written().iter().zip(before).filter(|(now, before)| now > before).count()
    }

    pub(crate) fn cut(&self, at: usize) {
        let wire = Arc::clone(&self.0.lock()[at]);
        wire.cut.store(true, Ordering::Relaxed);
        wire.reader.wake();
    }
}

impl Net for Switch {
    fn connect<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Conn>>> {
        Box::pin(async move {
            let conn = TokioNet.connect(addr).await?;
            let wire = Arc::new(Wire::default());
            self.0.lock().push(Arc::clone(&wire));
            Ok(Box::new(Switched { conn, wire }) as Box<dyn Conn>)
        })
    }

    fn bind<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        TokioNet.bind(addr)
    }
}

struct Switched {
    conn: Box<dyn Conn>,
    wire: Arc<Wire>,
}

impl Switched {
    fn whole(&self) -> io::Result<()> {
        match self.wire.cut.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl Conn for Switched {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.reader.register(cx.waker());
        self.whole()?;
        self.conn.poll_readable(cx)
    }

    fn try_read(&self, buf: &mut BytesMut) -> io::Result<usize> {
        self.whole()?;
        self.conn.try_read(buf)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.conn.poll_writable(cx)
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.whole()?;
        let written = self.conn.try_write_vectored(bufs)?;
        self.wire.written.fetch_add(written, Ordering::Relaxed);
        Ok(written)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.conn.peer_addr()
    }
}
