//! Slots when the lease session runs out, is renewed after all, or has expired (rule 6).

use super::SlotTable;
use super::slot::SlotState;

impl SlotTable {
    /// The session has run out by this app's clock: no slot is served until it is clear which app holds it. Returns how many stop.
    pub(crate) fn suspend(&self) -> usize {
        let mut slots = self.slots.lock();
        let mut suspended = 0;
        for (at, slot) in (0..).zip(slots.iter_mut()) {
            if let SlotState::Served(held) = slot.state {
                slot.state = SlotState::Suspended(held);
                self.serve_under(at, 0);
                suspended += 1;
            }
        }
        suspended
    }

    /// The backend has kept the session: the slots that are held under it are served again, and returned. Those of an earlier
    /// session are acquired anew.
    pub(crate) fn resume(&self) -> Vec<u32> {
        let mut slots = self.slots.lock();
        let mut resumed = Vec::new();
        for (at, slot) in (0..).zip(slots.iter_mut()) {
            if let SlotState::Suspended(held) = slot.state
                && self.is_fresh(at, held.epoch)
            {
                slot.state = SlotState::Served(held);
                self.serve_under(at, held.epoch);
                resumed.push(at);
            }
        }
        resumed
    }

    /// The session is over at the backend: other apps may have the slots. Memory is kept until that is known.
    pub(crate) fn lose_all(&self) {
        self.suspend();
        (0..self.count()).for_each(|at| self.lose(at));
    }

    /// Gives up slots that are suspended and belong to other apps now, and returns them. Pinned slots are kept until another app
    /// has them.
    pub(crate) fn give_up(&self, belongs_here: impl Fn(u32) -> bool) -> Vec<u32> {
        if self.pinned {
            return Vec::new();
        }
        let mut slots = self.slots.lock();
        let mut lost = Vec::new();
        for (at, slot) in (0..).zip(slots.iter_mut()) {
            if matches!(slot.state, SlotState::Suspended(_)) && !belongs_here(at) {
                slot.state = SlotState::Away;
                self.lose(at);
                lost.push(at);
            }
        }
        lost
    }
}
