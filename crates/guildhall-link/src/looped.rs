//! A link of an app to itself, through memory.

use std::io::{ErrorKind, IoSlice, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use guildhall_core::env::Conn;
use parking_lot::Mutex;

use crate::dispatch::Dispatch;
use crate::endpoint::Endpoint;
use crate::link::{CloseOnDrop, Link};
use crate::serve::serve;
use crate::socket::Socket;

/// A link of this app to itself: one path for all calls, wherever they go.
pub fn self_loop<D: Dispatch>(endpoint: &Arc<Endpoint>, dispatch: &Arc<D>) -> Arc<Link> {
    let (near, far) = pair();
    let link = Link::new(endpoint.id.to_string(), endpoint);
    let (end, env) = (CloseOnDrop(Arc::clone(&link)), endpoint.env.clone());
    let dialled = endpoint.meters.dialled.hold();
    endpoint.env.spawn("link-self", async move {
        let _dialled = dialled;
        end.0.drive(&env, Socket::new(near), || {}).await;
    });
    let served = serve(Arc::clone(endpoint), Arc::clone(dispatch), Socket::new(far), None);
    endpoint.env.spawn("link-self-serve", served);
    link
}

/// Bytes one direction holds.
const HOLDS: usize = 256 * 1024;

#[derive(Default)]
struct Lane {
    bytes: BytesMut,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

struct End {
    read: Arc<Mutex<Lane>>,
    write: Arc<Mutex<Lane>>,
}

fn pair() -> (Box<dyn Conn>, Box<dyn Conn>) {
    let (a, b) = (Arc::default(), Arc::default());
    let near = End { read: Arc::clone(&a), write: Arc::clone(&b) };
    (Box::new(near), Box::new(End { read: b, write: a }))
}

impl Conn for End {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut lane = self.read.lock();
        if !lane.bytes.is_empty() || lane.closed {
            return Poll::Ready(Ok(()));
        }
        lane.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn try_read(&self, buf: &mut BytesMut) -> Result<usize> {
        let mut lane = self.read.lock();
        let n = lane.bytes.len().min(buf.capacity() - buf.len());
        if n == 0 && !lane.closed {
            return Err(ErrorKind::WouldBlock.into());
        }
        buf.extend_from_slice(&lane.bytes[..n]);
        bytes::Buf::advance(&mut lane.bytes, n);
        lane.writer.take().inspect(Waker::wake_by_ref);
        Ok(n)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut lane = self.write.lock();
        if lane.bytes.len() < HOLDS || lane.closed {
            return Poll::Ready(Ok(()));
        }
        lane.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        let mut lane = self.write.lock();
        if lane.closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut room = HOLDS.saturating_sub(lane.bytes.len());
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut written = 0;
        for buf in bufs {
            let n = buf.len().min(room);
            lane.bytes.extend_from_slice(&buf[..n]);
            (room, written) = (room - n, written + n);
        }
        lane.reader.take().inspect(Waker::wake_by_ref);
        Ok(written)
    }

    fn peer_addr(&self) -> Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, 0).into())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        for lane in [&self.read, &self.write] {
            let mut lane = lane.lock();
            lane.closed = true;
            lane.reader.take().inspect(Waker::wake_by_ref);
            lane.writer.take().inspect(Waker::wake_by_ref);
        }
    }
}
