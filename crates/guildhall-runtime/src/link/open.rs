//! Opening a link: the handshake over a socket, within its time.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::discovery::NodeRecord;
use guildhall_core::env::{Accepted, Conn};
use guildhall_wire::{Handshake, Hello};

use super::serve::serve;
use super::socket::Socket;
use super::{CloseOnDrop, Link};
use crate::app::AppInner;

/// The version of the link protocol that this build speaks.
const LINK_VERSION: u32 = 1;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Initiator,
    Acceptor,
}

/// A connection on which both sides have proven themselves.
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    /// Who is there.
    pub(crate) record: NodeRecord,
    /// It carries streams, and no calls.
    pub(crate) streams: bool,
}

/// Proves both sides to each other. `streams` is what the initiator wants.
pub(crate) async fn open(
    app: &AppInner,
    conn: Box<dyn Conn>,
    side: Side,
    streams: bool,
) -> Result<Opened> {
    let deadline = app.env.now() + Duration::from_millis(app.links.handshake_ms);
    let opened = app.env.until(deadline, handshake(app, conn, side, streams)).await;
    opened.unwrap_or_else(|| {
        let ms = app.links.handshake_ms;
        Err(Error::new(
            ErrorKind::TimedOut,
            format!("no handshake within {ms} ms (link.handshake_ms)"),
        ))
    })
}

async fn handshake(
    app: &AppInner,
    conn: Box<dyn Conn>,
    side: Side,
    streams: bool,
) -> Result<Opened> {
    let refuse = |why: String| Error::new(ErrorKind::PermissionDenied, why);
    let (conn, names) = match &app.tls {
        Some(tls) => tls.wrap(conn, side).map(|(conn, names)| (conn, Some(names)))?,
        None => (conn, None),
    };
    let mut socket = Socket::new(conn);
    let hello = Hello {
        record: Some(app.record().to_wire()),
        versions: vec![LINK_VERSION],
        methods_hash: app.services.methods_hash(),
        nonce: app.env.random_bytes::<32>().to_vec().into(),
        streams,
    };
    let secret = app.links.secret.as_bytes();
    let machine = match side {
        Side::Initiator => Handshake::initiator(hello, secret),
        Side::Acceptor => Handshake::acceptor(hello, secret),
    };
    let mut machine = machine.map_err(|e| refuse(e.to_string()))?;
    let established = loop {
        let step = machine.read(&mut socket.input);
        let output = machine.take_output();
        socket.write(&mut BytesMut::from(&output[..])).await?;
        if let Some(established) = step.map_err(|e| refuse(e.to_string()))? {
            break established;
        }
        if let Err(error) = socket.read().await {
            let closed = error.kind() == ErrorKind::UnexpectedEof;
            return Err(if closed { refuse(machine.closed().to_string()) } else { error });
        }
    };
    let streams = established.peer.streams || streams;
    let record = established.peer.record.unwrap_or_default();
    let record = NodeRecord::from_wire(record).map_err(refuse)?;
    if record.id.env() != app.id.env() {
        let (here, there) = (&app.id, &record.id);
        return Err(refuse(format!("{there} is of another env than {here}; they never mix")));
    }
    if let Some(names) = names {
        names.check(&record.id)?;
    }
    Ok(Opened { socket, record, streams })
}

/// A link of this app to itself, through memory: one path for all calls, wherever they go.
pub(crate) fn self_loop(app: &Arc<AppInner>) -> Arc<Link> {
    let (near, far) = pipe::pair();
    let link = Link::new(app.id.to_string(), app);
    let (driven, env) = (Arc::clone(&link), app.env.clone());
    let end = CloseOnDrop(driven);
    let dialled = app.counters.links_dialled.hold();
    app.env.spawn("link-self", async move {
        let _dialled = dialled;
        end.0.drive(&env, Socket::new(near), || {}).await;
    });
    app.env.spawn("link-self-serve", serve(Arc::clone(app), Socket::new(far), None));
    link
}

/// Gives an accepted connection to this runtime and opens it.
pub(super) async fn accept(app: Arc<AppInner>, accepted: Accepted) -> Result<()> {
    let conn = (accepted.attach)()?;
    let Opened { socket, record, streams } = open(&app, conn, Side::Acceptor, false).await?;
    match streams {
        true => crate::stream::serve(app, socket, record.id).await,
        false => serve(app, socket, Some(record.id)).await,
    }
    Ok(())
}

mod pipe {
    //! A connection through memory.

    use std::io::{ErrorKind, IoSlice, Result};
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use bytes::BytesMut;
    use guildhall_core::env::Conn;
    use parking_lot::Mutex;

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

    pub(super) fn pair() -> (Box<dyn Conn>, Box<dyn Conn>) {
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
}
