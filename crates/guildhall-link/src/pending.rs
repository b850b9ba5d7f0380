//! Calls that wait for their reply: a table of slots, each with its own waker, so that a call allocates nothing to wait.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status};
use guildhall_wire::frame::{call_id, call_id_parts};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// How much later than its deadline a call may fail, when others have just failed.
const TOGETHER: Duration = Duration::from_millis(5);

/// Calls that wait for their reply.
#[derive(Debug)]
pub(crate) struct Pending {
    table: Mutex<Table>,
    max: usize,
    /// Woken when a deadline is earlier than the one that is being waited for.
    pub(crate) earlier: Notify,
}

#[derive(Debug, Default)]
struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    live: usize,
    /// No live slot's deadline is before this.
    earliest: Option<Instant>,
    closed: Option<Status>,
}

#[derive(Debug)]
struct Slot {
    /// Tells a late reply to an earlier use of the slot from the present one's.
    generation: u32,
    wait: Option<Wait>,
}

#[derive(Debug)]
struct Wait {
    waker: Waker,
    deadline: Instant,
    reply: Option<Result<Bytes, Status>>,
}

impl Pending {
    pub(crate) fn new(max: usize) -> Self {
        Self { table: Mutex::default(), max, earlier: Notify::new() }
    }

    /// Takes a slot; the reply will wake `waker`.
    pub(crate) fn open(&self, waker: &Waker, deadline: Instant) -> Result<u64, Status> {
        let mut table = self.table.lock();
        if let Some(status) = &table.closed {
            return Err(status.clone().with_effect(Effect::NotRun));
        }
        if table.live >= self.max {
            let why =
                format!("{} calls wait for replies of this peer (link.pending_max)", self.max);
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        let at = table.free.pop().unwrap_or_else(|| {
            let at = u32::try_from(table.slots.len()).expect("bounded by pending_max");
            table.slots.push(Slot { generation: 0, wait: None });
            at
        });
        table.live += 1;
        let slot = &mut table.slots[at as usize];
        slot.wait = Some(Wait { waker: waker.clone(), deadline, reply: None });
        let id = call_id(slot.generation, at);
        if table.earliest.is_none_or(|earliest| deadline < earliest) {
            table.earliest = Some(deadline);
            drop(table);
            self.earlier.notify_one();
        }
        Ok(id)
    }

    /// Calls that wait.
    pub(crate) fn live(&self) -> usize {
        self.table.lock().live
    }

    /// Takes the reply and gives the slot back.
    pub(crate) fn poll(&self, id: u64, cx: &Context<'_>) -> Poll<Result<Bytes, Status>> {
        let mut table = self.table.lock();
        let Some(wait) = table.wait(id) else {
            return Poll::Ready(Err(Status::new(
                Code::Internal,
                "a call was polled after its end",
            )));
        };
        let Some(reply) = wait.reply.take() else {
            wait.waker.clone_from(cx.waker());
            return Poll::Pending;
        };
        table.close_slot(id);
        Poll::Ready(reply)
    }

    /// Gives the slot back without a reply; whether there was one to wait for.
    pub(crate) fn forget(&self, id: u64) -> bool {
        let mut table = self.table.lock();
        let waiting = table.wait(id).is_some_and(|wait| wait.reply.is_none());
        table.close_slot(id);
        waiting
    }

    /// Stores replies under one lock, then wakes their callers. Replies to calls that are gone are dropped.
    pub(crate) fn answer(
        &self,
        replies: impl Iterator<Item = (u64, Result<Bytes, Status>)>,
        wakers: &mut Vec<Waker>,
    ) {
        let mut table = self.table.lock();
        for (id, reply) in replies {
            if let Some(wait) = table.wait(id)
                && wait.reply.is_none()
            {
                wait.reply = Some(reply);
                wakers.push(wait.waker.clone());
            }
        }
        drop(table);
        wakers.drain(..).for_each(Waker::wake);
    }

    /// Fails what is over its deadline; the ids, for the peer to drop them too.
    pub(crate) fn expire(&self, now: Instant) -> Vec<u64> {
        let mut table = self.table.lock();
        let (mut next, mut wakers, mut expired) = (None, Vec::new(), Vec::new());
        for (at, slot) in (0..).zip(&mut table.slots) {
            let Some(wait) = slot.wait.as_mut() else { continue };
            if wait.reply.is_some() {
                continue;
            }
            if wait.deadline <= now {
                let status = Status::new(Code::DeadlineExceeded, "no reply within the deadline");
                wait.reply = Some(Err(status.with_reason(reason::EXPIRED)));
                wakers.push(wait.waker.clone());
                expired.push(call_id(slot.generation, at));
            } else {
                next = Some(next.map_or(wait.deadline, |next: Instant| next.min(wait.deadline)));
            }
        }
        // Calls that are over soon after each other fail together: the table is looked through once for them.
        table.earliest = next.map(|next| next.max(now + TOGETHER));
        drop(table);
        wakers.into_iter().for_each(Waker::wake);
        expired
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.table.lock().earliest
    }

    /// Fails everything at once, now and from now on.
    pub(crate) fn close(&self, status: &Status) {
        let mut table = self.table.lock();
        table.closed = Some(status.clone());
        let mut wakers = Vec::new();
        for wait in table.slots.iter_mut().filter_map(|slot| slot.wait.as_mut()) {
            wait.reply.get_or_insert_with(|| Err(status.clone()));
            wakers.push(wait.waker.clone());
        }
        drop(table);
        wakers.into_iter().for_each(Waker::wake);
    }

    #[cfg(test)]
    fn slots(&self) -> usize {
        self.table.lock().slots.len()
    }
}

impl Table {
    fn wait(&mut self, id: u64) -> Option<&mut Wait> {
        let (generation, at) = call_id_parts(id);
        let slot = self.slots.get_mut(at as usize)?;
        if slot.generation == generation { slot.wait.as_mut() } else { None }
    }

    fn close_slot(&mut self, id: u64) {
        if self.wait(id).is_some() {
            let (_, at) = call_id_parts(id);
            let slot = &mut self.slots[at as usize];
            slot.wait = None;
            slot.generation = slot.generation.wrapping_add(1);
            self.live -= 1;
            self.free.push(at);
        }
    }
}

#[cfg(test)]
mod tests;
