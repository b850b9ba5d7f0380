//! The state of a simulated network: hosts, streams, and scheduled deliveries.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;

use bytes::BytesMut;
use guildhall_core::Env;
use guildhall_core::env::Instant;

use super::hosts::{Alive, Hosts};
use super::paths::{HostId, Paths, Way};
use super::stream::{End, Ended, Life, Segment, Side, Stream, StreamId};
use super::trace::Trace;

pub(super) struct HostsAndStreams {
    env: Env,
    start: Instant,
    pub(super) hosts: Hosts,
    pub(super) paths: Paths,
    streams: BTreeMap<StreamId, Stream>,
    last_stream: StreamId,
    due: BTreeSet<Due>,
    sent: u64,
    pub(super) trace: Trace,
    /// Whom to wake when the state is let go.
    pub(super) woken: Vec<Waker>,
}

/// The next segment of a stream may arrive. `sent` keeps what is due at one time in the order of sending.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Instant,
    sent: u64,
    stream: StreamId,
    to: Side,
}

impl HostsAndStreams {
    pub(super) fn new(env: Env) -> Self {
        Self {
            start: env.now(),
            env,
            hosts: Hosts::default(),
            paths: Paths::default(),
            streams: BTreeMap::new(),
            last_stream: 0,
            due: BTreeSet::new(),
            sent: 0,
            trace: Trace::default(),
            woken: Vec::new(),
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|due| due.at)
    }

    /// The stream, if that end of it is still there.
    pub(super) fn stream(&mut self, id: StreamId, side: Side) -> Result<&mut Stream> {
        let stream = self.streams.get_mut(&id).filter(|stream| stream.life(side) == Life::Open);
        stream.ok_or_else(|| ErrorKind::ConnectionReset.into())
    }

    /// Begins a stream; its first segment is on its way.
    pub(super) fn dial(&mut self, from: HostId, to: HostId, port: u16) -> (StreamId, SocketAddr) {
        let (here, there) = (self.hosts.dialler_addr(from), (self.hosts.ip(to), port).into());
        self.last_stream += 1;
        let id = self.last_stream;
        let dialler = End::new(from, here, Life::Open);
        let acceptor = End::new(to, there, Life::Unborn);
        self.streams.insert(id, Stream::new(dialler, acceptor));
        self.send(id, Side::Acceptor, Segment::Syn(port));
        (id, there)
    }

    /// The next stream that waits at a port, and who dialled it.
    pub(super) fn accept(
        &mut self,
        alive: Alive,
        port: u16,
        waker: &Waker,
    ) -> Result<Option<(StreamId, SocketAddr)>> {
        let Some(id) = self.hosts.next(alive, port, waker)? else { return Ok(None) };
        Ok(Some((id, self.stream(id, Side::Acceptor)?.end(Side::Dialler).addr)))
    }

    pub(super) fn write(
        &mut self,
        id: StreamId,
        from: Side,
        bufs: &[IoSlice<'_>],
    ) -> Result<usize> {
        let stream = self.stream(id, from)?;
        if stream.end(from).is_broken() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut room = stream.room(from);
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut bytes = BytesMut::new();
        for buf in bufs {
            let n = buf.len().min(room);
            bytes.extend_from_slice(&buf[..n]);
            room -= n;
        }
        let written = bytes.len();
        stream.end(from.other()).held += written;
        if written > 0 {
            self.send(id, from.other(), Segment::Bytes(bytes.freeze()));
        }
        Ok(written)
    }

    pub(super) fn read(&mut self, id: StreamId, side: Side, buf: &mut BytesMut) -> Result<usize> {
        let stream = self.stream(id, side)?;
        let n = stream.end(side).try_read(buf)?;
        // There is room now.
        let writer = stream.end(side.other()).writer.take();
        self.woken.extend(writer);
        Ok(n)
    }

    /// An end is dropped by its owner.
    pub(super) fn close(&mut self, id: StreamId, side: Side) {
        let Ok(stream) = self.stream(id, side) else { return };
        let end = stream.end(side);
        end.life = Life::Gone;
        let unread = !end.arrived.is_empty();
        self.part(id, side.other(), if unread { Segment::Reset } else { Segment::Fin });
    }

    /// Tells the end `to` that its peer is gone; a stream that nobody has is forgotten.
    fn part(&mut self, id: StreamId, to: Side, last: Segment) {
        match self.streams.get(&id).map(|stream| stream.life(to)) {
            Some(Life::Open) => self.send(id, to, last),
            Some(Life::Unborn | Life::Gone) => drop(self.streams.remove(&id)),
            None => {}
        }
    }

    /// Ends all that the host has open, as the end of a process does; what it has sent still arrives.
    pub(super) fn kill(&mut self, host: HostId) {
        self.woken.extend(self.hosts.end_life(host));
        let ids: Vec<StreamId> = self.streams.keys().copied().collect();
        for id in ids {
            for side in [Side::Dialler, Side::Acceptor] {
                let Ok(stream) = self.stream(id, side) else { continue };
                if stream.host(side) == host {
                    let end = stream.end(side);
                    end.life = Life::Gone;
                    let wakers = end.wakers();
                    self.woken.extend(wakers);
                    self.part(id, side.other(), Segment::Reset);
                }
            }
        }
    }

    /// From which host to which there is a stream whose ends are both open.
    pub(super) fn connected(&self) -> BTreeSet<(Arc<str>, Arc<str>)> {
        let open = |s: &&Stream| {
            [Side::Dialler, Side::Acceptor].into_iter().all(|side| s.life(side) == Life::Open)
        };
        let ways = self.streams.values().filter(open).map(|stream| stream.way(Side::Acceptor));
        ways.map(|(from, to)| (self.hosts.name(from), self.hosts.name(to))).collect()
    }

    pub(super) fn cut(&mut self, from: HostId, to: HostId, cut: bool) {
        if self.paths.set_cut((from, to), cut) && !cut {
            self.resume((from, to));
        }
    }

    pub(super) fn heal_all(&mut self) {
        for (from, to) in self.paths.all_cut() {
            self.cut(from, to, false);
        }
    }

    /// Adds a line of the test's own to the trace.
    pub(super) fn note(&mut self, text: &str) {
        self.trace.noted(self.env.now() - self.start, text);
    }

    /// What was stalled on the way is sent again, in its order.
    fn resume(&mut self, way: Way) {
        let now = self.env.now();
        for (id, stream) in &mut self.streams {
            for to in [Side::Dialler, Side::Acceptor] {
                if stream.way(to) != way || stream.end(to).flight.is_empty() {
                    continue;
                }
                let again = now + self.paths.latency(way, &self.env);
                for (at, _) in &mut stream.end(to).flight {
                    *at = again;
                    self.sent += 1;
                    self.due.insert(Due { at: again, sent: self.sent, stream: *id, to });
                }
            }
        }
    }

    /// Puts a segment on its way. It arrives after those that were sent before it.
    fn send(&mut self, id: StreamId, to: Side, segment: Segment) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let at = self.env.now() + self.paths.latency(stream.way(to), &self.env);
        let flight = &mut stream.end(to).flight;
        let at = flight.back().map_or(at, |(last, _)| at.max(*last));
        flight.push_back((at, segment));
        self.sent += 1;
        self.due.insert(Due { at, sent: self.sent, stream: id, to });
    }

    /// Delivers all that is due.
    pub(super) fn deliver(&mut self) {
        let now = self.env.now();
        while let Some(due) = self.due.first().copied().filter(|due| due.at <= now) {
            self.due.pop_first();
            let Some(stream) = self.streams.get_mut(&due.stream) else { continue };
            let way = stream.way(due.to);
            // What is stalled stays in flight, and is due again when the way is healed.
            let flight = &mut stream.end(due.to).flight;
            let arrives = |(at, _): &(Instant, _)| *at <= due.at && !self.paths.is_cut(way);
            if !flight.front().is_some_and(arrives) {
                continue;
            }
            if let Some((_, segment)) = flight.pop_front() {
                let names = (self.hosts.name(way.0), self.hosts.name(way.1));
                self.trace.delivered(now - self.start, names, due.stream, &segment);
                self.arrive(due.stream, due.to, segment);
            }
        }
    }

    fn arrive(&mut self, id: StreamId, to: Side, segment: Segment) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let end = stream.end(to);
        match segment {
            Segment::Syn(port) => {
                let accepted = self.hosts.knock(end.host, port, id);
                end.life = if accepted.is_ok() { Life::Open } else { Life::Gone };
                let answer = if accepted.is_ok() { Segment::Open } else { Segment::Refused };
                self.woken.extend(accepted.ok().flatten());
                return self.part(id, to.other(), answer);
            }
            Segment::Open => end.opened = true,
            // Whoever still writes to an end that is closed learns that it is.
            Segment::Bytes(_) if end.life == Life::Gone => {
                return self.part(id, to.other(), Segment::Reset);
            }
            Segment::Bytes(bytes) => end.arrived.extend_from_slice(&bytes),
            Segment::Fin => end.ended = Some(Ended::Closed),
            Segment::Refused => end.ended = Some(Ended::Refused),
            Segment::Reset => end.ended = Some(Ended::Reset),
        }
        self.woken.extend(end.wakers());
    }
}
