//! Whether all slots are at their targets.

use super::SlotTable;
use super::slot::{Slot, SlotState};

/// Number of slots that are named when more are not where they belong.
const SHOWN: usize = 5;

impl SlotTable {
    /// Whether all that belongs here is here, and no holder is in doubt.
    pub(crate) fn is_settled(&self, belongs_here: impl Fn(u32) -> bool) -> bool {
        let slots = self.slots.lock();
        (0..).zip(slots.iter()).all(|(at, slot)| match slot.state {
            SlotState::Served(_) => !slot.doubted,
            SlotState::Away | SlotState::Taken(..) => !slot.doubted && !belongs_here(at),
            SlotState::Asked(..) | SlotState::Leaving(..) | SlotState::Suspended(_) => false,
        })
    }

    /// The first few slots that are not in the state that they have when all is at rest, in words.
    pub(crate) fn unsettled(&self, belongs_here: impl Fn(u32) -> bool) -> Vec<String> {
        let slots = self.slots.lock();
        let rests = |at: u32, slot: &Slot| match slot.state {
            // A pinned slot stays where it is.
            SlotState::Served(_) => !slot.doubted && (belongs_here(at) || self.pinned),
            SlotState::Away | SlotState::Taken(..) => {
                !slot.doubted && (!belongs_here(at) || self.pinned)
            }
            SlotState::Asked(..) | SlotState::Leaving(..) | SlotState::Suspended(_) => false,
        };
        let all = (0..).zip(slots.iter());
        let unsettled: Vec<_> = all.filter(|(at, slot)| !rests(*at, slot)).collect();
        let more = unsettled.len().saturating_sub(SHOWN);
        let shown = unsettled.iter().take(SHOWN).map(|(at, slot)| {
            let Slot { state, seen, doubted, .. } = slot;
            let belongs = if belongs_here(*at) { "belongs here" } else { "belongs elsewhere" };
            format!("{}/{at} {belongs}: {state:?}, seen {seen}, doubted {doubted}", self.actor)
        });
        let more = (more > 0).then(|| format!("{}: and {more} more", self.actor));
        shown.chain(more).collect()
    }

    /// Number of slots that are held here and belong to other apps.
    pub(crate) fn misplaced(&self, belongs_elsewhere: impl Fn(u32) -> bool) -> usize {
        let slots = self.slots.lock();
        let held =
            |slot: &Slot| matches!(slot.state, SlotState::Served(_) | SlotState::Leaving(..));
        (0..).zip(slots.iter()).filter(|(at, slot)| held(slot) && belongs_elsewhere(*at)).count()
    }
}
