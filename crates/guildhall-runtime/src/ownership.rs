//! Ownership: every key of an actor type falls to a slot, and every slot is leased by one app at a time.
//!
//! The protocol is that of the ownership rules; `docs/guarantees.md` says what they promise, and each is named where it is kept.
//! Leases decide who may try; the store decides who writes (`guildhall_core::store::fence`).
//!
//! | module | what |
//! |---|---|
//! | `slots` | the slots of one actor type, as this app knows them |
//! | `session` | the app's session with the lease backend, and what happens when it runs out |
//! | `keeper` | acquires what belongs here, and asks present holders for it |
//! | `give`, `handover` | hands a slot over to the app that has asked |
//! | `peers` | which other apps' sessions have ended |
//! | `put_off` | slots whose moves were abandoned are given again after a pause |
//! | `early` | calls that wait for a slot which is on its way |
//! | `service` | what apps say to each other about slots |
//! | `lease`, `ask`, `grant`, `users` | leases that the game holds itself, in the same session |

mod ask;
mod config;
mod early;
mod give;
mod grant;
mod handover;
mod keeper;
mod lease;
mod peers;
mod put_off;
mod service;
mod session;
mod slots;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use guildhall_core::leases::LeaseSession;
use guildhall_core::store::Holder;
use guildhall_core::{AppId, BoxFuture, Env};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use crate::app::AppInner;

pub(crate) use config::OwnershipConfig;
pub(crate) use early::{Early, send_on};
pub(crate) use keeper::{keep, unsettled};
pub use lease::{Held, Lease, Lost};
pub(crate) use peers::watch_peers;
pub(crate) use service::OwnershipHere;
pub(crate) use session::{check_slots, keep_session};
pub(crate) use slots::{Elsewhere, Payload, SlotCounts, SlotMeters, SlotTable};
use users::UserLeases;

/// The actors of one type, to whoever decides which of their slots are here.
pub(crate) trait Owned: Send + Sync {
    /// The slots.
    fn table(&self) -> &SlotTable;
    /// A slot is served from now on: its actors go on, with what they were about to give away; its residents and the calls that
    /// wait for it begin.
    fn serve(self: Arc<Self>, app: &Arc<AppInner>, slot: u32, payloads: Vec<Payload>);
    /// Ends the turns of a slot that is not served any more, answers the calls that wait with `Moved`, and saves its actors; what
    /// they give to the next owner. `None` when an actor could not be saved.
    fn leave<'a>(
        &'a self,
        slot: u32,
        to: &'a AppId,
        env: &'a Env,
    ) -> BoxFuture<'a, Option<Vec<Payload>>>;
    /// Drops the actors of a slot that is another's now. Calls that wait for them are sent there.
    fn drop_slot(&self, slot: u32, to: Option<&AppId>);
}

/// What an app owns.
pub(crate) struct Ownership {
    pub(crate) config: OwnershipConfig,
    holder: Holder,
    rooms: Vec<Arc<dyn Owned>>,
    users: UserLeases,
    session: Mutex<Option<Arc<LeaseSession>>>,
    /// The backend is to be asked at once whether the session lives.
    session_doubted: Notify,
    /// The app ends: no session is opened any more.
    closed: AtomicBool,
    /// Until when, in ns of boot time, what is held is held (rule 5); 0 without a session.
    valid_until: AtomicU64,
    /// Wakes the keeper.
    wake: Notify,
    /// Slots that may be given at a time (`ownership.moves_max`).
    giving: Semaphore,
}

impl Ownership {
    pub(crate) fn new(config: OwnershipConfig, holder: Holder, rooms: Vec<Arc<dyn Owned>>) -> Self {
        let (users, session, session_doubted, closed, valid_until, wake) = Default::default();
        let giving = Semaphore::new(config.moves_max.min(Semaphore::MAX_PERMITS));
        Self {
            config,
            holder,
            rooms,
            users,
            session,
            session_doubted,
            closed,
            valid_until,
            wake,
            giving,
        }
    }

    /// Rule 25: whether the lease still holds, asked after the state was read and just before a reply from memory is sent.
    #[inline]
    pub(crate) fn is_valid(&self, env: &Env) -> bool {
        let now = u64::try_from(env.boot_time().as_nanos()).unwrap_or(u64::MAX);
        now < self.valid_until.load(Ordering::Acquire)
    }

    /// Asks the lease service who holds a slot: its row has seen `row_epoch`, and was not to be written (rules 11, 12).
    pub(crate) fn doubt(&self, table: &SlotTable, slot: u32, row_epoch: u64) {
        table.doubt(slot, row_epoch);
        self.wake.notify_one();
    }

    /// Whether there are actors.
    pub(crate) fn is_needed(&self) -> bool {
        !self.rooms.is_empty()
    }

    fn session(&self) -> Option<Arc<LeaseSession>> {
        self.session.lock().clone()
    }

    fn room_of(&self, lease: &str) -> Option<(&Arc<dyn Owned>, u32)> {
        self.rooms.iter().find_map(|room| Some((room, room.table().slot_of(lease)?)))
    }
}

impl std::fmt::Debug for Ownership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ownership").field("holder", &self.holder).finish_non_exhaustive()
    }
}
