//! One simulated connection: two ends, and the bytes in flight to each.

use std::collections::VecDeque;
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes, BytesMut};
use guildhall_core::env::Instant;

use super::paths::{HostId, Way};

/// Bytes that one direction holds, under way and arrived; a writer waits when they are that many.
pub(super) const HOLDS: usize = 256 * 1024;

/// Names a stream; later ones are larger.
pub(super) type StreamId = u64;

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Dialler,
    Acceptor,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Acceptor,
            Self::Acceptor => Self::Dialler,
        }
    }
}

/// What travels.
#[derive(Debug, Hash)]
pub(super) enum Segment {
    /// Asks whoever listens on this port.
    Syn(u16),
    /// Somebody listens.
    Open,
    /// Nobody does.
    Refused,
    Bytes(Bytes),
    /// The peer has closed its end.
    Fin,
    /// The peer is gone, or has closed before it had read all.
    Reset,
}

/// How the way to an end has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Closed,
    Refused,
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The acceptor before the dialler's first segment has arrived.
    Unborn,
    Open,
    /// Closed, or killed.
    Gone,
}

pub(super) struct Stream {
    ends: [End; 2],
}

/// One end, and all that is on its way to it.
pub(super) struct End {
    pub(super) host: HostId,
    pub(super) addr: SocketAddr,
    pub(super) life: Life,
    pub(super) flight: VecDeque<(Instant, Segment)>,
    pub(super) arrived: BytesMut,
    /// Bytes in `flight` and `arrived`.
    pub(super) held: usize,
    pub(super) opened: bool,
    pub(super) ended: Option<Ended>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

impl End {
    pub(super) fn new(host: HostId, addr: SocketAddr, life: Life) -> Self {
        Self {
            host,
            addr,
            life,
            flight: VecDeque::new(),
            arrived: BytesMut::new(),
            held: 0,
            opened: false,
            ended: None,
            reader: None,
            writer: None,
        }
    }

    pub(super) fn wakers(&mut self) -> impl Iterator<Item = Waker> + use<> {
        self.reader.take().into_iter().chain(self.writer.take())
    }

    /// Waits until the peer's host has answered.
    pub(super) fn poll_opened(&mut self, cx: &Context<'_>) -> Poll<Result<()>> {
        match self.ended {
            Some(Ended::Refused) => Poll::Ready(Err(ErrorKind::ConnectionRefused.into())),
            None if !self.opened => wait(&mut self.reader, cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    pub(super) fn poll_readable(&mut self, cx: &Context<'_>) -> Poll<Result<()>> {
        let ready = !self.arrived.is_empty() || self.ended.is_some();
        if ready { Poll::Ready(Ok(())) } else { wait(&mut self.reader, cx) }
    }

    pub(super) fn try_read(&mut self, buf: &mut BytesMut) -> Result<usize> {
        let n = self.arrived.len().min(buf.capacity() - buf.len());
        if n > 0 {
            buf.extend_from_slice(&self.arrived[..n]);
            self.arrived.advance(n);
            self.held -= n;
            return Ok(n);
        }
        match self.ended {
            Some(Ended::Closed) if self.arrived.is_empty() => Ok(0),
            Some(_) if self.arrived.is_empty() => Err(ErrorKind::ConnectionReset.into()),
            _ => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Whether writing here is an error at once.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.ended, Some(Ended::Reset | Ended::Refused))
    }
}

impl Stream {
    pub(super) fn new(dialler: End, acceptor: End) -> Self {
        Self { ends: [dialler, acceptor] }
    }

    pub(super) fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    pub(super) fn life(&self, side: Side) -> Life {
        self.ends[side as usize].life
    }

    pub(super) fn host(&self, side: Side) -> HostId {
        self.ends[side as usize].host
    }

    /// Which way leads to this end.
    pub(super) fn way(&self, to: Side) -> Way {
        (self.host(to.other()), self.host(to))
    }

    pub(super) fn room(&self, from: Side) -> usize {
        HOLDS.saturating_sub(self.ends[from.other() as usize].held)
    }

    pub(super) fn poll_writable(&mut self, from: Side, cx: &Context<'_>) -> Poll<Result<()>> {
        let ready = self.room(from) > 0 || self.end(from).is_broken();
        if ready { Poll::Ready(Ok(())) } else { wait(&mut self.end(from).writer, cx) }
    }
}

fn wait<T>(waker: &mut Option<Waker>, cx: &Context<'_>) -> Poll<T> {
    *waker = Some(cx.waker().clone());
    Poll::Pending
}
