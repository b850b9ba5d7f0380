//! [`SlotTable`]: the slots of one actor type as this app knows them: which are ours, under which epoch.
//!
//! A call looks at one number, the epoch under which its slot is served ([`SlotTable::epoch`]). Everything else happens under the lock of
//! `slots`, and never waits. The submodules, low to high; from `grants` on each is an occasion on which a slot changes:
//!
//! | module | what |
//! |---|---|
//! | `put_off` | slots whose moves were abandoned move again after a pause |
//! | `meters` | metrics and counts |
//! | `slot` | the states of one slot |
//! | `grants` | the lease backend is asked, and answers |
//! | `asking` | the holder of a slot is asked for it |
//! | `moving` | a slot arrives from another app, or goes there |
//! | `suspending` | the session runs out, is kept, or is over |
//! | `settling` | whether all slots are where they belong |

mod put_off;
mod meters;
mod slot;
mod grants;
mod asking;
mod moving;
mod suspending;
mod settling;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use guildhall_core::AppId;
use guildhall_core::store::LeaseId;
use parking_lot::Mutex;

use put_off::PutOff;
use slot::{Slot, SlotState};

pub(crate) use asking::AskedSlot;
pub use meters::{SlotCounts, SlotMeters};
pub(crate) use slot::{Change, Holding};

/// The slots of an actor type.
pub struct SlotTable {
    actor: &'static str,
    /// Whether slots move only when their app drains.
    pub(crate) pinned: bool,
    /// `NAME/slot`, by slot.
    leases: Vec<LeaseId>,
    /// What a call looks at: the epoch under which the slot is served, or 0.
    served: Vec<AtomicU64>,
    /// Activations under an earlier epoch claim their rows again before they go on: the slot was not ours all the time since.
    fresh_from: Vec<AtomicU64>,
    slots: Mutex<Vec<Slot>>,
    /// Slot at which the next search for slots to ask for begins.
    ask_next: AtomicU32,
    /// Slots whose last move was abandoned.
    pub(crate) put_off: PutOff,
    pub(crate) meters: SlotMeters,
}

/// Where a call goes whose slot is not served here.
#[derive(Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// The slot is on its way here, or its holder is not known yet: the call waits.
    Wait,
    /// That app has the slot, or will have it.
    At(AppId),
}

impl SlotTable {
    /// A table in which no slot is ours yet. `pinned` slots move only when their app drains.
    pub fn new(actor: &'static str, slots: u32, pinned: bool, meters: SlotMeters) -> Self {
        let zeros = || (0..slots).map(|_| AtomicU64::new(0)).collect();
        Self {
            actor,
            pinned,
            leases: (0..slots).map(|slot| format!("{actor}/{slot}").into()).collect(),
            served: zeros(),
            fresh_from: zeros(),
            slots: Mutex::new((0..slots).map(|_| Slot::default()).collect()),
            ask_next: AtomicU32::new(0),
            put_off: PutOff::default(),
            meters,
        }
    }

    /// Name of the actor type.
    pub fn actor(&self) -> &'static str {
        self.actor
    }

    /// Number of slots.
    pub fn count(&self) -> u32 {
        u32::try_from(self.leases.len()).unwrap_or(u32::MAX)
    }

    /// Id of the lease of a slot.
    pub fn lease(&self, slot: u32) -> &LeaseId {
        &self.leases[slot as usize]
    }

    /// The slot of a lease; `None` when it is not one of this actor type.
    pub(crate) fn slot_of(&self, lease: &str) -> Option<u32> {
        let slot = lease.strip_prefix(self.actor)?.strip_prefix('/')?.parse().ok()?;
        (slot < self.count()).then_some(slot)
    }

    /// Epoch under which the slot is served; 0 when it is not.
    #[inline]
    pub fn epoch(&self, slot: u32) -> u64 {
        self.served[slot as usize].load(Ordering::Acquire)
    }

    /// Whether the memory of an activation under `epoch` may still be the truth: the slot was not another app's since.
    #[inline]
    pub fn is_fresh(&self, slot: u32, epoch: u64) -> bool {
        epoch >= self.fresh_from[slot as usize].load(Ordering::Acquire)
    }

    /// Where a call goes that came here for a slot that is not served here; `target` is the target
    /// of the slot by this app's membership.
    pub fn elsewhere(&self, slot: u32, me: &AppId, target: Option<&str>) -> Elsewhere {
        let target_elsewhere = target.filter(|target| *target != me.as_str());
        match &self.slots.lock()[slot as usize].state {
            SlotState::Leaving(_, to) => Elsewhere::At(to.clone()),
            // Rule 23: only the target by its own membership holds early calls. While the holder still serves the slot, they go there.
            SlotState::Taken(holder, _) if holder.app != *me && target_elsewhere.is_none() => {
                Elsewhere::At(holder.app.clone())
            }
            SlotState::Suspended(_) => Elsewhere::Wait,
            _ => {
                let app = target_elsewhere.and_then(|target| target.parse().ok());
                app.map_or(Elsewhere::Wait, Elsewhere::At)
            }
        }
    }

    /// How many slots are in which state.
    pub fn counts(&self) -> SlotCounts {
        let mut counts = SlotCounts { all: self.count().into(), ..SlotCounts::default() };
        for slot in self.slots.lock().iter() {
            match slot.state {
                SlotState::Served(_) => counts.served += 1,
                SlotState::Suspended(_) => counts.suspended += 1,
                SlotState::Asked(..) | SlotState::Leaving(..) => counts.moving += 1,
                SlotState::Away | SlotState::Taken(..) => {}
            }
        }
        counts
    }

    /// Logs how many slots are served now, in one line for all that arrived or left since the last one.
    pub(crate) fn log_served(&self) {
        if let Some((before, slots)) = self.meters.take_change() {
            tracing::info!(actor = self.actor, slots, before, of = self.count(), "slots served");
        }
    }

    /// Serves a slot under an epoch from now on; under 0, no more.
    fn serve_under(&self, slot: u32, epoch: u64) {
        let before = self.served[slot as usize].swap(epoch, Ordering::AcqRel);
        self.meters.served_under(before, epoch);
    }

    /// Stops serving a slot, and makes all activations of it claim their rows again, whatever becomes of the lease.
    fn lose(&self, slot: u32) {
        self.serve_under(slot, 0);
        self.fresh_from[slot as usize].store(u64::MAX, Ordering::Release);
    }
}

impl std::fmt::Debug for SlotTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlotTable")
            .field("actor", &self.actor)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
