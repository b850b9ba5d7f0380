//! The timers of one actor, whose messages enter its mailbox when they are due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::MethodDesc;
use guildhall_core::env::Instant;

/// What a timer says to its actor.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) method: &'static MethodDesc,
    /// The encoded request.
    pub(crate) body: Bytes,
    /// How long it waits.
    pub(crate) delay: Duration,
    /// It waits as long again, and again.
    pub(crate) repeats: bool,
}

/// Timers by their numbers, which are never used again.
#[derive(Default)]
pub(super) struct Timers {
    by_number: BTreeMap<u64, Timer>,
    /// Those that wait for their time; the others' messages wait in the mailbox.
    by_time: BTreeSet<(Instant, u64)>,
    next: u64,
}

struct Timer {
    at: Instant,
    /// Its place among the services of the actor type.
    service: usize,
    message: Message,
}

impl Timers {
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Begins a timer now; its number.
    pub(super) fn add(&mut self, now: Instant, service: usize, message: Message) -> u64 {
        let (number, at) = (self.next, now + message.delay);
        self.next += 1;
        self.by_number.insert(number, Timer { at, service, message });
        self.by_time.insert((at, number));
        number
    }

    /// Ends a timer, also one whose message waits in the mailbox.
    pub(super) fn cancel(&mut self, number: u64) {
        if let Some(timer) = self.by_number.remove(&number) {
            self.by_time.remove(&(timer.at, number));
        }
    }

    /// Ends all timers.
    pub(super) fn clear(&mut self) {
        self.by_number.clear();
        self.by_time.clear();
    }

    /// When the next message comes.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The next timer whose time has come. Its message is for the mailbox.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<u64> {
        let (at, number) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.by_time.pop_first();
        Some(number)
    }

    /// The turn of its message comes: the service and the message, unless the timer was cancelled meanwhile. One that repeats
    /// begins again, so that never two of its messages wait; what it has missed it leaves out.
    pub(super) fn begin(&mut self, number: u64, now: Instant) -> Option<(usize, Message)> {
        let timer = self.by_number.get_mut(&number)?;
        if !timer.message.repeats {
            return self.by_number.remove(&number).map(|timer| (timer.service, timer.message));
        }
        let in_time = timer.at + timer.message.delay;
        timer.at = if in_time > now { in_time } else { now + timer.message.delay };
        self.by_time.insert((timer.at, number));
        Some((timer.service, timer.message.clone()))
    }
}
