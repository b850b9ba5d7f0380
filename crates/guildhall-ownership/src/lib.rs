//! Which app owns which slot: leases, moves between apps, and what happens when a lease runs out.
//!
//! Every key of an actor type falls into one of its slots, and each slot is leased by at most one app at a time. This crate is one app's
//! part in that. It opens no socket and runs no actor: the other apps are behind [`Mesh`], the actors behind [`SlotHost`], and the
//! lease backend behind `guildhall_core::leases::Leases`. Leases decide which app may try; the store decides which write counts
//! (`guildhall_core::store::fence`). The numbered rules in comments are those of `docs/guarantees.md`.
//!
//! # The main path
//!
//! A slot has a target, computed from the membership ([`Mesh::targets`]), and an owner, the holder of its lease. Both change at any time;
//! this crate makes the owner follow the target.
//!
//! 1. [`Ownership::start`] opens the app's lease session and renews it (`session`).
//! 2. The keeper looks at each change of the membership (`keeper`). It acquires the slots whose target is this app (`acquire`), and asks
//!    their present owners for them ([`Mesh::request_move`]).
//! 3. The owner answers with [`Ownership::answer_move`] (`give`): it stops serving, saves ([`SlotHost::leave_slot`]), offers what no row
//!    has ([`Mesh::offer`]), and transfers the lease (`handover`).
//! 4. The asker has parked the offer ([`Ownership::take_offer`]), and serves the slot with it ([`SlotHost::serve_slot`]).
//! 5. When the session runs out by the app's own clock, all slots are suspended (`suspend`): nothing is served and nothing forgotten. When
//!    the backend has kept the session, they resume; otherwise they are acquired anew, and another app may have them.
//!
//! # Reading order
//!
//! Low to high; each module uses only those above it.
//!
//! | module | what |
//! |---|---|
//! | `config` | `[ownership]` |
//! | `payload`, `mesh` | what moves with a slot; the other apps |
//! | `slots` | the slots of one actor type, as this app knows them |
//! | `host` | the actors of one type |
//! | `early` | calls that came for a slot before the slot came |
//! | `present` | the lease session that the app has now |
//! | `game_leases` | the game leases of this app |
//! | `ownership` | all of that together: what one app owns |
//! | `suspend` | what stops when the session runs out, and resumes |
//! | `acquire` | slots are acquired from the lease backend |
//! | `marks` | which other apps' sessions have ended |
//! | `session` | the session is opened, renewed, opened again |
//! | `handover` | a lease on its way from one app to another |
//! | `lease` | [`Lease`]: asked for, handed over, given back |
//! | `give` | answers to other apps that ask for slots |
//! | `keeper` | acquires what belongs here, and asks owners for it |
//! | `start` | the tasks |

mod config;
mod payload;
mod mesh;
mod slots;
mod host;
mod early;
mod present;
mod game_leases;
mod ownership;
mod suspend;
mod acquire;
mod marks;
mod session;
mod handover;
mod lease;
mod give;
mod keeper;
mod start;

pub use config::OwnershipConfig;
pub use early::{EarlyCall, EarlyCalls};
pub use host::SlotHost;
pub use lease::{Lease, LeaseGuard, LeaseLoss, LeaseWait};
pub use mesh::{HandedOver, Mesh, MoveRequest, Offer, Targets};
pub use ownership::{
    BrokenRule, HealthReport, LeaseBackend, OpenLeases, Ownership, OwnershipMeters, Setup,
};
pub use payload::Payload;
pub use session::agree_on_slots;
pub use slots::{Elsewhere, SlotCounts, SlotMeters, SlotTable};
