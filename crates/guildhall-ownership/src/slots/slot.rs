//! [`Slot`]: one slot in the table of this app: its owner, its epoch, and its move.

use guildhall_core::AppId;
use guildhall_core::leases::Origin;
use guildhall_core::store::Holder;

use crate::payload::Payload;

/// What this app knows of one slot.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(super) state: SlotState,
    /// Largest epoch seen for the lease, in grants or in rows (rule 2).
    pub(super) seen: u64,
    /// Largest epoch under which the slot was ours.
    pub(super) owned: u64,
    /// What the present holder has offered, until the grant arrives (rule 19).
    pub(super) parked: Option<Parked>,
    /// Whether the lease backend must be asked for the holder, whatever the membership says (rules 11, 20).
    pub(super) doubted: bool,
}

/// Where a slot is.
#[derive(Debug, Default)]
pub(super) enum SlotState {
    /// Not ours; its holder is not known.
    #[default]
    Away,
    /// Held by another app under this epoch.
    Taken(Holder, u64),
    /// Its holder was asked for it; calls wait for the answer.
    Asked(Holder, u64),
    /// Served here.
    Served(Holding),
    /// On its way to another app.
    Leaving(Holding, AppId),
    /// Our session has run out; memory is kept (rule 6).
    Suspended(Holding),
}

impl SlotState {
    pub(super) fn is_asked(&self, holder: &Holder, epoch: u64) -> bool {
        matches!(self, Self::Asked(whom, with) if whom == holder && *with == epoch)
    }

    /// Our holding of it, also one that may have ended at the lease backend.
    pub(super) fn holding(&self) -> Option<Holding> {
        match self {
            Self::Served(held) | Self::Leaving(held, _) | Self::Suspended(held) => Some(*held),
            Self::Away | Self::Taken(..) | Self::Asked(..) => None,
        }
    }
}

/// One holding of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    pub(crate) epoch: u64,
    /// Number of offers that were made of it (rule 19).
    pub(crate) offers: u64,
}

impl Holding {
    /// What a grant that comes from its last offer names.
    pub(crate) fn origin(self) -> Origin {
        Origin { epoch: self.epoch, offer: self.offers }
    }
}

/// What a holder gives along with a slot.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) from: Origin,
    pub(super) payloads: Vec<Payload>,
    /// Parts of it that have arrived.
    pub(super) here: u32,
    pub(super) parts: u32,
}

/// What a change of a slot means for its actors.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// They may run, with these payloads.
    Serve(Vec<Payload>),
    /// They end unsaved; that app has the slot, if any is known.
    Drop(Option<AppId>),
}
