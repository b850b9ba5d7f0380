//! The calls that wait, by place, so that one look finds those whose deadline is over.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;

use crate::call::any_slot::AnySlot;

/// How much later than its deadline a call may fail, when others have just failed.
const TOGETHER: Duration = Duration::from_millis(5);

/// Calls that wait for their reply.
#[derive(Default)]
pub(super) struct Waits {
    calls: Vec<Option<(Instant, Arc<dyn AnySlot>)>>,
    free: Vec<u32>,
    /// No call's deadline is before this.
    earliest: Option<Instant>,
}

impl Waits {
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Adds a call: its place, and whether its deadline is the earliest now.
    pub(super) fn open(&mut self, deadline: Instant, slot: Arc<dyn AnySlot>) -> (u32, bool) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.calls.push(None);
            u32::try_from(self.calls.len() - 1).expect("bounded by link.pending_max")
        });
        self.calls[at as usize] = Some((deadline, slot));
        let is_earliest = self.earliest.is_none_or(|earliest| deadline < earliest);
        if is_earliest {
            self.earliest = Some(deadline);
        }
        (at, is_earliest)
    }

    /// The call waits no more; whether it did.
    pub(super) fn close_at(&mut self, at: u32) -> bool {
        let waited = self.calls.get_mut(at as usize).is_some_and(|call| call.take().is_some());
        if waited {
            self.free.push(at);
        }
        waited
    }

    /// Those whose deadline is over. They leave when their callers have seen it.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Arc<dyn AnySlot>> {
        let (over, left): (Vec<_>, Vec<_>) =
            self.calls.iter().flatten().partition(|(deadline, _)| *deadline <= now);
        let next = left.into_iter().map(|(deadline, _)| *deadline).min();
        // Calls that are over soon after each other fail together: the table is looked through once for them.
        self.earliest = next.map(|next| next.max(now + TOGETHER));
        over.into_iter().map(|(_, slot)| Arc::clone(slot)).collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Arc<dyn AnySlot>> {
        self.calls.iter().flatten().map(|(_, slot)| Arc::clone(slot)).collect()
    }
}
