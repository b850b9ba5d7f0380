//! The requests for slots to the lease backend, and the changes that its answers cause.

use std::sync::atomic::Ordering;

use guildhall_core::leases::memory::EPOCH_END;
use guildhall_core::leases::{Acquired, Origin};
use guildhall_core::store::Holder;

use super::SlotTable;
use super::slot::{Change, Holding, Slot, SlotState};

impl SlotTable {
    /// The slots to acquire, each with the largest epoch seen for it: those that belong here, and those whose holder is in doubt
    /// (rules 16, 22). Slots whose holders `is_asked` says are asked elsewhere are left out.
    pub(crate) fn wanted(
        &self,
        belongs_here: impl Fn(u32) -> bool,
        is_asked: impl Fn(&Holder) -> bool,
    ) -> Vec<(u32, u64)> {
        let slots = self.slots.lock();
        let wants = |slot: &Slot, at| match &slot.state {
            SlotState::Away => slot.doubted || belongs_here(at),
            // A pinned slot stays where it was, as long as no other app has had it.
            SlotState::Suspended(_) => slot.doubted || belongs_here(at) || self.pinned,
            SlotState::Taken(holder, _) => slot.doubted || belongs_here(at) && !is_asked(holder),
            SlotState::Asked(holder, _) => belongs_here(at) && !is_asked(holder),
            SlotState::Served(_) => slot.doubted,
            SlotState::Leaving(..) => false,
        };
        let all = (0..).zip(slots.iter());
        all.filter(|(at, slot)| wants(slot, *at)).map(|(at, slot)| (at, slot.seen)).collect()
    }

    /// Takes an answer of the lease backend.
    pub(crate) fn acquired(&self, at: u32, answer: Acquired) -> Change {
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        slot.doubted = false;
        // Answers come late, and in another order than their requests. Each request named all that was seen then, so an answer with
        // less than what is known now was overtaken. Ask again, unless it is an old grant of what is ours anyway.
        let overtaken = match &answer {
            Acquired::Held { epoch, .. } => *epoch < slot.seen,
            Acquired::Taken { epoch, .. } => match &slot.state {
                SlotState::Served(held) | SlotState::Leaving(held, _) => *epoch < held.epoch,
                SlotState::Away
                | SlotState::Taken(..)
                | SlotState::Asked(..)
                | SlotState::Suspended(_) => false,
            },
        };
        if overtaken {
            let is_ours = matches!(slot.state, SlotState::Served(_) | SlotState::Leaving(..));
            slot.doubted = !(is_ours && matches!(answer, Acquired::Held { .. }));
            return Change::None;
        }
        match answer {
            Acquired::Held { epoch, from } => self.granted(at, slot, epoch, from),
            Acquired::Taken { holder, epoch } => self.taken(at, slot, holder, epoch),
        }
    }

    /// The slot is ours by a grant with this epoch.
    fn granted(&self, at: u32, slot: &mut Slot, epoch: u64, from: Option<Origin>) -> Change {
        slot.seen = slot.seen.max(epoch);
        slot.owned = slot.owned.max(epoch);
        // Rule 21: a payload is used only when the grant comes from exactly its offer, and is thrown away in every other case.
        let parked = slot.parked.take();
        let parked = parked.filter(|it| Some(it.from) == from && it.here == it.parts);
        slot.state = SlotState::Served(Holding { epoch, offers: 0 });
        // Another app may have had it before: activations that are in memory claim their rows again (rule 6).
        self.fresh_from[at as usize].store(epoch, Ordering::Release);
        self.serve_under(at, epoch);
        Change::Serve(parked.map(|parked| parked.payloads).unwrap_or_default())
    }

    /// The slot is another holder's.
    fn taken(&self, at: u32, slot: &mut Slot, holder: Holder, epoch: u64) -> Change {
        if slot.state.is_asked(&holder, epoch) {
            return Change::None;
        }
        slot.seen = slot.seen.max(epoch);
        let app = holder.app.clone();
        let before = std::mem::replace(&mut slot.state, SlotState::Taken(holder, epoch));
        self.lose(at);
        match before.holding() {
            Some(_) => Change::Drop(Some(app)),
            None => Change::None,
        }
    }

    /// Has the lease backend asked for the holder of a slot; a row of it has seen `row_epoch`.
    pub(crate) fn doubt(&self, at: u32, row_epoch: u64) {
        let slot = &mut self.slots.lock()[at as usize];
        // An epoch that no backend grants comes from a damaged row. The backend would refuse the whole batch of requests for it.
        if row_epoch < EPOCH_END {
            slot.seen = slot.seen.max(row_epoch);
        }
        slot.doubted = true;
    }
}
