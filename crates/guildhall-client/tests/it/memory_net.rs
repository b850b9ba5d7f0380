//! A network in memory, for tests whose clock is paused. It counts writes.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use guildhall_core::env::{Accepted, Conn, Listener, Net};
use guildhall_core::{BoxFuture, Env};
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// What one direction holds before its writer waits.
pub(crate) const PIPE_MAX: usize = 64 * 1024;

/// Listeners by port.
#[derive(Default)]
pub(crate) struct MemoryNet {
    listeners: Mutex<BTreeMap<u16, mpsc::Sender<End>>>,
    dialled: AtomicUsize,
    writes: Arc<AtomicUsize>,
}

impl MemoryNet {
    /// A network, and a world on it. Call it within a runtime whose clock is paused.
    pub(crate) fn world() -> (Arc<Self>, Env) {
        let net = Arc::new(Self::default());
        (Arc::clone(&net), Env::simulated(7, net, Duration::from_secs(1_800_000_000)))
    }

    /// How many connections were tried.
    pub(crate) fn dialled(&self) -> usize {
        self.dialled.load(Ordering::Relaxed)
    }

    /// How many writes were made by those who dialled.
    pub(crate) fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }
}

impl Net for MemoryNet {
    fn connect<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Conn>>> {
        Box::pin(async move {
            self.dialled.fetch_add(1, Ordering::Relaxed);
            let addr: SocketAddr = addr.parse().map_err(io::Error::other)?;
            let listener = self.listeners.lock().get(&addr.port()).cloned();
            let (near, far) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
            let writes = Some(Arc::clone(&self.writes));
            let here = End { read: Arc::clone(&near), write: Arc::clone(&far), writes };
            let there = End { read: far, write: near, writes: None };
            let listener = listener.ok_or(ErrorKind::ConnectionRefused)?;
            listener.try_send(there).map_err(|_| ErrorKind::ConnectionRefused)?;
            Ok(Box::new(here) as Box<dyn Conn>)
        })
    }

    fn bind<'a>(&'a self, addr: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let mut addr: SocketAddr = addr.parse().map_err(io::Error::other)?;
            let mut listeners = self.listeners.lock();
            let next = listeners.last_key_value().map_or(1, |(port, _)| port + 1);
            addr.set_port(next);
            let (sender, accepted) = mpsc::channel(16);
            listeners.insert(next, sender);
            let accepted = tokio::sync::Mutex::new(accepted);
            Ok(Box::new(MemoryListener { addr, accepted }) as Box<dyn Listener>)
        })
    }
}

struct MemoryListener {
    addr: SocketAddr,
    accepted: tokio::sync::Mutex<mpsc::Receiver<End>>,
}

impl Listener for MemoryListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async {
            let end = self.accepted.lock().await.recv().await;
            let end = end.ok_or(ErrorKind::BrokenPipe)?;
            let attach = move || Ok(Box::new(end) as Box<dyn Conn>);
            Ok(Accepted { peer: self.addr, attach: Box::new(attach) })
        })
    }
}

/// One direction of a connection.
#[derive(Default)]
struct Pipe(Mutex<PipeBuffer>);

#[derive(Default)]
struct PipeBuffer {
    bytes: BytesMut,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl PipeBuffer {
    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

struct End {
    read: Arc<Pipe>,
    write: Arc<Pipe>,
    writes: Option<Arc<AtomicUsize>>,
}

impl Conn for End {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.read.0.lock();
        if !pipe.bytes.is_empty() || pipe.is_closed {
            return Poll::Ready(Ok(()));
        }
        pipe.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn try_read(&self, buf: &mut BytesMut) -> io::Result<usize> {
        let mut pipe = self.read.0.lock();
        let n = pipe.bytes.len().min(buf.capacity() - buf.len());
        if n == 0 {
            return if pipe.is_closed { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        buf.extend_from_slice(&pipe.bytes[..n]);
        pipe.bytes.advance(n);
        pipe.wake();
        Ok(n)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.write.0.lock();
        if pipe.bytes.len() < PIPE_MAX || pipe.is_closed {
            return Poll::Ready(Ok(()));
        }
        pipe.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.write.0.lock();
        if pipe.is_closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let before = pipe.bytes.len();
        for buf in bufs {
            let room = PIPE_MAX - pipe.bytes.len();
            pipe.bytes.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        let n = pipe.bytes.len() - before;
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        if let Some(writes) = &self.writes {
            writes.fetch_add(1, Ordering::Relaxed);
        }
        pipe.wake();
        Ok(n)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from(([127, 0, 0, 1], 1)))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        for pipe in [&self.read, &self.write] {
            let mut pipe = pipe.0.lock();
            pipe.is_closed = true;
            pipe.wake();
        }
    }
}
