//! The slots that this app has requested from their owners.

use std::sync::atomic::Ordering;

use guildhall_core::store::Holder;

use super::SlotTable;
use super::slot::SlotState;

/// A slot that its holder is asked for.
pub(crate) struct AskedSlot {
    pub(crate) slot: u32,
    pub(crate) holder: Holder,
    /// Epoch of the holding that is asked for.
    pub(crate) epoch: u64,
    /// Largest epoch under which the slot was ours.
    pub(crate) owned: u64,
}

impl SlotTable {
    /// Marks slots that other apps hold and that belong here as asked for, at most `max` of them, and returns them.
    pub(crate) fn begin_asking(
        &self,
        max: usize,
        belongs_here: impl Fn(u32) -> bool,
        may: impl Fn(&Holder) -> bool,
    ) -> Vec<AskedSlot> {
        let mut slots = self.slots.lock();
        let mut asked = Vec::new();
        // From where the last search ended: slots that their holders keep must not keep the others from being asked for.
        let first = self.ask_next.load(Ordering::Relaxed);
        for slot in (first..self.count()).chain(0..first) {
            if asked.len() >= max {
                break;
            }
            let entry = &mut slots[slot as usize];
            let SlotState::Taken(holder, epoch) = &entry.state else { continue };
            if belongs_here(slot) && may(holder) {
                let (holder, epoch) = (holder.clone(), *epoch);
                entry.state = SlotState::Asked(holder.clone(), epoch);
                // Not `seen`, which may come from a row: that may be the holder's own epoch.
                asked.push(AskedSlot { slot, holder, epoch, owned: entry.owned });
                self.ask_next.store((slot + 1) % self.count(), Ordering::Relaxed);
            }
        }
        asked
    }

    /// The holder keeps the slot; `false` when it is not asked for it any more: the slot came here all the same, or is another app's.
    pub(crate) fn not_given(&self, asked: &AskedSlot) -> bool {
        let slot = &mut self.slots.lock()[asked.slot as usize];
        let is_asked = slot.state.is_asked(&asked.holder, asked.epoch);
        if is_asked {
            slot.state = SlotState::Taken(asked.holder.clone(), asked.epoch);
        }
        is_asked
    }

    /// Whether the answer of the holder is still waited for.
    pub(crate) fn is_asked(&self, asked: &AskedSlot) -> bool {
        self.slots.lock()[asked.slot as usize].state.is_asked(&asked.holder, asked.epoch)
    }
}
