//! [`Stream`]: one end of a connection, without its packets' way: what has come, what is to go, and how much the other end has room for.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Result};
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes, BytesMut};

use super::packet::Packet;

/// Bytes that may be under way in one direction, and wait for the reader.
pub(super) const WINDOW: u64 = 256 * 1024;
/// Bytes that are read before the other end is told.
const TELL: u64 = WINDOW / 4;

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Largest data of a packet.
    chunk: usize,
    came: VecDeque<Bytes>,
    /// Packets of data that have come, their bytes, the bytes that were read of them, and as many as the other end knows of.
    packets_in: u64,
    bytes_in: u64,
    taken: u64,
    told: u64,
    ended: bool,
    /// The owner has dropped it.
    pub(super) left: bool,
    goes: VecDeque<BytesMut>,
    /// The same of what was written here.
    packets_out: u64,
    bytes_out: u64,
    taken_there: u64,
    failed: Option<ErrorKind>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Stream {
    pub(super) fn new(chunk: usize) -> Self {
        Self { chunk, ..Self::default() }
    }

    pub(super) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.came.is_empty() || self.ended || self.failed.is_some() {
            return Poll::Ready(Ok(()));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// What has come, before the error or the end.
    pub(super) fn read(&mut self, buf: &mut BytesMut) -> Result<usize> {
        let Some(first) = self.came.front_mut() else {
            return match self.failed {
                Some(kind) => Err(kind.into()),
                None if self.ended => Ok(0),
                None => Err(ErrorKind::WouldBlock.into()),
            };
        };
        if buf.capacity() == buf.len() {
            buf.reserve(first.len());
        }
        let part = first.split_to(first.len().min(buf.capacity() - buf.len()));
        buf.extend_from_slice(&part);
        if first.is_empty() {
            self.came.pop_front();
        }
        self.taken += part.len() as u64;
        Ok(part.len())
    }

    pub(super) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.room() > 0 || self.failed.is_some() {
            return Poll::Ready(Ok(()));
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn write(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
        let mut written = 0;
        for buf in bufs {
            let mut left = &buf[..buf.len().min(self.room())];
            while !left.is_empty() {
                let last = match self.goes.back_mut() {
                    Some(last) if last.len() < self.chunk => last,
                    _ => {
                        self.goes.push_back(BytesMut::new());
                        continue;
                    }
                };
                let part = left.len().min(self.chunk - last.len());
                last.extend_from_slice(&left[..part]);
                left.advance(part);
                (self.bytes_out, written) = (self.bytes_out + part as u64, written + part);
            }
        }
        match written {
            0 if bufs.iter().any(|buf| !buf.is_empty()) => Err(ErrorKind::WouldBlock.into()),
            written => Ok(written),
        }
    }

    fn room(&self) -> usize {
        let under_way = self.bytes_out - self.taken_there;
        usize::try_from(WINDOW.saturating_sub(under_way)).unwrap_or(usize::MAX)
    }

    /// A packet has come.
    pub(super) fn hear(&mut self, packet: Option<Packet>) {
        match packet {
            Some(Packet::Data(number, bytes))
                if number == self.packets_in && !bytes.is_empty() && !self.ended =>
            {
                (self.packets_in, self.bytes_in) = (number + 1, self.bytes_in + bytes.len() as u64);
                self.came.push_back(bytes);
                if self.bytes_in - self.taken > WINDOW {
                    return self.fail(ErrorKind::InvalidData);
                }
                self.reader.take().into_iter().for_each(Waker::wake);
            }
            Some(Packet::Taken(total)) if (self.taken_there..=self.bytes_out).contains(&total) => {
                self.taken_there = total;
                self.writer.take().into_iter().for_each(Waker::wake);
            }
            Some(Packet::End(packets)) if packets == self.packets_in => {
                self.ended = true;
                self.reader.take().into_iter().for_each(Waker::wake);
            }
            // Something is missing, or the other end is none of ours.
            _ => self.fail(ErrorKind::ConnectionReset),
        }
    }

    /// Whether the other end is to be told how much was read.
    pub(super) fn must_tell(&self) -> bool {
        self.taken - self.told >= TELL
    }

    /// The next packet to send.
    pub(super) fn next(&mut self) -> Option<Packet> {
        if self.must_tell() {
            self.told = self.taken;
            return Some(Packet::Taken(self.taken));
        }
        let data = self.goes.pop_front()?;
        self.packets_out += 1;
        Some(Packet::Data(self.packets_out - 1, data.freeze()))
    }

    /// What is sent after the last packet, where there is nothing to come.
    pub(super) fn last(&self) -> Option<Packet> {
        match self.failed {
            Some(_) => Some(Packet::Reset),
            None => self.left.then_some(Packet::End(self.packets_out)),
        }
    }

    /// Nothing more comes and goes.
    pub(super) fn fail(&mut self, kind: ErrorKind) {
        self.failed.get_or_insert(kind);
        self.goes.clear();
        let wakers = [self.reader.take(), self.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
