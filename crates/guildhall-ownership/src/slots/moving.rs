//! Slots that arrive from another app, and slots that go to one.

use guildhall_core::AppId;
use guildhall_core::store::Holder;

use super::SlotTable;
use super::slot::{Holding, Parked, SlotState};
use crate::mesh::Offer;

impl SlotTable {
    /// Parks a part of what a holder offers; whether it was parked (rule 19). A part may come more than once.
    pub(crate) fn park(&self, at: u32, offer: Offer) -> bool {
        let Offer { from, part, parts, payloads, .. } = offer;
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        let held = slot.state.holding().map_or(0, |held| held.epoch);
        let newest = slot.parked.as_ref().is_none_or(|parked| from >= parked.from);
        if from.epoch <= held || !newest {
            return false;
        }
        slot.seen = slot.seen.max(from.epoch);
        match slot.parked.as_mut().filter(|parked| parked.from == from) {
            Some(parked) if part < parked.here => true,
            Some(parked) if part == parked.here => {
                parked.payloads.extend(payloads);
                parked.here += 1;
                true
            }
            None if part == 0 => {
                slot.parked = Some(Parked { from, payloads, here: 1, parts });
                true
            }
            _ => false,
        }
    }

    /// Stops serving a slot that goes to another app; `None` when it is not held under this epoch (rule 17).
    pub(crate) fn begin_leaving(&self, at: u32, epoch: u64, to: &AppId) -> Option<Holding> {
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        let SlotState::Served(held) = slot.state else { return None };
        if held.epoch != epoch {
            return None;
        }
        let held = Holding { offers: held.offers + 1, ..held };
        slot.state = SlotState::Leaving(held, to.clone());
        self.serve_under(at, 0);
        Some(held)
    }

    /// The move was abandoned. Whether the slot is served again (rule 20): only when `may_serve`, and when its grant has not ended
    /// with a session meanwhile, whatever session there is now.
    pub(crate) fn stay(&self, at: u32, may_serve: bool) -> bool {
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        let SlotState::Leaving(held, _) = slot.state else { return false };
        let serve = may_serve && self.is_fresh(at, held.epoch);
        if serve {
            slot.state = SlotState::Served(held);
            self.serve_under(at, held.epoch);
        } else {
            slot.state = SlotState::Suspended(held);
        }
        serve
    }

    /// The slot is not ours any more; `holder` has it under that epoch, if that is known.
    pub(crate) fn gone(&self, at: u32, holder: Option<(Holder, u64)>) {
        let mut slots = self.slots.lock();
        let slot = &mut slots[at as usize];
        self.lose(at);
        slot.state = match holder {
            Some((holder, epoch)) => {
                slot.seen = slot.seen.max(epoch);
                SlotState::Taken(holder, epoch)
            }
            None => SlotState::Away,
        };
    }

    /// Epoch under which the slot is held here, or may be.
    pub(crate) fn held_under(&self, at: u32) -> Option<u64> {
        self.slots.lock()[at as usize].state.holding().map(|held| held.epoch)
    }
}
