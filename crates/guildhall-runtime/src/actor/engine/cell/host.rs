//! The host of an actor type: its actors by key, how many there may be, and what runs their turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use guildhall_core::hash::Seeded;
use guildhall_core::metrics::LiveCount;
use guildhall_core::status::reason;
use guildhall_core::store::Table;
use guildhall_core::{Code, MethodDesc, ServiceDesc, Status, slot_of};
use guildhall_ownership::{EarlyCalls, SlotTable};
use parking_lot::{Mutex, MutexGuard};

use crate::actor::config::ActorConfig;
use crate::actor::engine::active::Active;
use crate::actor::engine::cell::Cell;
use crate::actor::engine::handler::{Begun, Handler};
use crate::actor::engine::home::Homes;
use crate::actor::engine::payloads::Payloads;
use crate::actor::engine::pool::Pool;
use crate::actor::engine::shard::{Hashed, Keyed, Shard};
use crate::actor::engine::turn_loop::TurnLoop;
use crate::actor::services::ActorServices;
use crate::actor::{Actor, DeactivateReason};
use crate::call::Core;
use crate::call::service::{Caller, Wanted};
use crate::call::turn::Call;

/// The actors of one type in one app.
pub(crate) struct Host<A: Actor, S> {
    pub(crate) config: ActorConfig,
    pub(crate) slots: SlotTable,
    /// Calls that wait for a slot.
    pub(crate) early: Arc<EarlyCalls<Call>>,
    pub(crate) payloads: Payloads,
    /// Tables of the actors' rows; empty for actors without entities.
    pub(crate) tables: Vec<&'static Table>,
    /// The first row has the column that says when its actor has work to do.
    pub(crate) wakes: bool,
    /// In the order in which [`ActorServices::dispatch`] knows them.
    pub(crate) services: Vec<&'static ServiceDesc>,
    pub(crate) workers: u32,
    pub(crate) count: LiveCount,
    /// No call is accepted any more.
    pub(crate) closed: AtomicBool,
    /// By slot, then by key.
    shards: Vec<Mutex<Shard<Cell<A, S>>>>,
    seed: Seeded,
    homes: Homes,
    numbers: AtomicU64,
    pub(crate) turns: Turns<A, S>,
    /// Loops without a run.
    loops: Pool<TurnLoop<Cell<A, S>, A>>,
    /// Handlers without a turn.
    handlers: Pool<Handler<A>>,
}

/// What runs turns, from the layer above.
pub(crate) struct Turns<A: Actor, S> {
    pub(crate) turn_loop: fn() -> TurnLoop<Cell<A, S>, A>,
    pub(crate) handler: fn() -> Handler<A>,
    pub(crate) at_once: AtOnce<A, S>,
}

/// Begins the turn of a call to an idle actor, in the poll of its caller.
type AtOnce<A, S> = fn(
    &Arc<Cell<A, S>>,
    &mut Option<Box<Active<A>>>,
    usize,
    &Wanted<'_>,
    &mut dyn Caller,
) -> Began<A>;

/// What has become of a turn that was to begin at once.
#[allow(clippy::large_enum_variant, reason = "it lives for a moment")]
pub(crate) enum Began<A> {
    /// It is not as simple as that.
    Not,
    /// It has ended, and the caller has its answer.
    Replied,
    GoesOn(Begun<A>),
}

impl<A: Actor, S> Keyed for Cell<A, S> {
    #[inline]
    fn key_bytes(&self) -> &[u8] {
        &self.id.as_bytes()[A::NAME.len() + 1..]
    }
}

/// The cells of a key's slot, locked: no actor of the slot is forgotten, and no call is accepted, as long as this lives.
pub(crate) struct Locked<'a, A: Actor, S> {
    host: &'a Arc<Host<A, S>>,
    shard: MutexGuard<'a, Shard<Cell<A, S>>>,
    slot: u32,
    key: Hashed<'a>,
}

impl<A: Actor, S: ActorServices<A>> Locked<'_, A, S> {
    /// The cell of the key.
    #[inline]
    pub(crate) fn find(&self) -> Option<&Arc<Cell<A, S>>> {
        self.shard.find(self.key)
    }

    /// Makes the cell of a key that has none, if there is room for it.
    pub(crate) fn make(&mut self, core: &Arc<Core>) -> Option<Arc<Cell<A, S>>> {
        let (host, Hashed { key, hash }) = (self.host, self.key);
        if host.count.get() >= host.config.actors_max {
            return None;
        }
        host.count.begin();
        let home = host.homes.of(core);
        let cell = Cell::new(host, home, key, (self.slot, host.worker_of(key)));
        self.shard.add(Arc::clone(&cell), hash);
        Some(cell)
    }

    /// Whether the actor of the key runs on this thread.
    pub(crate) fn is_here(&self, core: &Arc<Core>) -> bool {
        let home = self.host.homes.of(core);
        home.part.runners[self.host.worker_of(self.key.key) as usize].is_here()
    }

    /// The cell of the key, which is made if there is room for it.
    pub(crate) fn find_or_make(&mut self, core: &Arc<Core>) -> Option<Arc<Cell<A, S>>> {
        self.find().cloned().or_else(|| self.make(core))
    }
}

/// What a host is made of.
pub(crate) struct HostParts<A: Actor, S> {
    pub(crate) config: ActorConfig,
    pub(crate) slots: SlotTable,
    pub(crate) tables: Vec<&'static Table>,
    pub(crate) wakes: bool,
    pub(crate) services: Vec<&'static ServiceDesc>,
    pub(crate) workers: u32,
    pub(crate) count: LiveCount,
    pub(crate) seed: u64,
    pub(crate) turns: Turns<A, S>,
}

impl<A: Actor, S: ActorServices<A>> Host<A, S> {
    pub(crate) fn new(parts: HostParts<A, S>) -> Self {
        let HostParts { config, slots, tables, wakes, services, workers, count, seed, turns } =
            parts;
        Self {
            shards: (0..slots.count()).map(|_| Mutex::default()).collect(),
            seed: Seeded(seed),
            homes: Homes::default(),
            early: Arc::default(),
            payloads: Payloads::default(),
            closed: AtomicBool::new(false),
            numbers: AtomicU64::new(0),
            loops: Pool::default(),
            handlers: Pool::default(),
            config,
            slots,
            tables,
            wakes,
            services,
            workers,
            count,
            turns,
        }
    }

    /// The actors have something in a store.
    #[inline]
    pub(crate) fn has_rows(&self) -> bool {
        !self.tables.is_empty()
    }

    #[inline]
    pub(crate) fn slot_of(&self, key: &str) -> u32 {
        slot_of(key, self.slots.count())
    }

    fn worker_of(&self, key: &str) -> u32 {
        match self.workers {
            workers @ 2.. => slot_of(key, workers),
            _ => 0,
        }
    }

    fn hashed<'a>(&self, key: &'a str) -> Hashed<'a> {
        Hashed { key, hash: self.seed.hash(key) }
    }

    /// Locks the slot of a key.
    pub(crate) fn lock<'a>(self: &'a Arc<Self>, slot: u32, key: &'a str) -> Locked<'a, A, S> {
        let (host, key) = (self, self.hashed(key));
        Locked { host, shard: self.shards[slot as usize].lock(), slot, key }
    }

    pub(crate) fn find(&self, key: &str) -> Option<Arc<Cell<A, S>>> {
        let shard = self.shards[self.slot_of(key) as usize].lock();
        shard.find(self.hashed(key)).cloned()
    }

    /// All actors, in the order of their keys: never that of a hash.
    pub(crate) fn cells(&self) -> Vec<Arc<Cell<A, S>>> {
        let all = (0..self.slots.count()).flat_map(|slot| self.of_slot(slot));
        let mut cells: Vec<_> = all.collect();
        cells.sort_by(|a, b| a.key().cmp(b.key()));
        cells
    }

    /// The actors of a slot, in the order of their keys.
    pub(crate) fn of_slot(&self, slot: u32) -> Vec<Arc<Cell<A, S>>> {
        let shard = self.shards[slot as usize].lock();
        let mut cells: Vec<_> = shard.actors().cloned().collect();
        drop(shard);
        cells.sort_by(|a, b| a.key().cmp(b.key()));
        cells
    }

    /// Deactivates an actor; whether it is there.
    pub(crate) fn close_for(&self, key: &str, reason: DeactivateReason) -> bool {
        self.find(key).inspect(|cell| cell.close(reason)).is_some()
    }

    /// Forgets an actor that is not active, unless a call has come meanwhile.
    pub(crate) fn forget(&self, cell: &Cell<A, S>) -> bool {
        let mut shard = self.shards[cell.slot as usize].lock();
        if !cell.mailbox.lock().is_empty() {
            return false;
        }
        if shard.remove(self.hashed(cell.key())) {
            drop(shard);
            self.count.end();
        }
        true
    }

    /// Forgets an actor as it is.
    pub(crate) fn remove(&self, cell: &Cell<A, S>) {
        self.shards[cell.slot as usize].lock().remove(self.hashed(cell.key()));
        self.count.end();
    }

    /// The place of a method's service among those of the actor type.
    pub(crate) fn service(&self, method: &MethodDesc) -> Result<usize, Status> {
        let place = self.services.iter().position(|service| service.name == method.service);
        place.ok_or_else(|| {
            let why = format!(
                "{} is no method of the actor type {}: serve {} there",
                method.path,
                A::NAME,
                method.service
            );
            Status::not_run(Code::Unimplemented, reason::NO_SUCH_METHOD, why)
        })
    }

    /// One of its methods.
    pub(crate) fn method(&self, id: u32) -> Option<&'static MethodDesc> {
        let methods = self.services.iter().flat_map(|service| service.methods);
        methods.into_iter().find(|method| method.id == id)
    }

    /// Above all that this app has counted for the actor type: of activations, and of generations.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What runs the turns of an actor.
    pub(crate) fn turn_loop(&self) -> Box<TurnLoop<Cell<A, S>, A>> {
        self.loops.take().unwrap_or_else(|| Box::new((self.turns.turn_loop)()))
    }

    /// Keeps what has run the turns of an actor, for the next one.
    pub(crate) fn recycle(&self, turns: Box<TurnLoop<Cell<A, S>, A>>) {
        self.loops.put(turns);
    }

    /// What runs the handler of a turn.
    pub(crate) fn handler(&self) -> Box<Handler<A>> {
        self.handlers.take().unwrap_or_else(|| Box::new((self.turns.handler)()))
    }

    /// Keeps what has run the handler of a turn, for the next one.
    pub(crate) fn keep(&self, mut handler: Box<Handler<A>>) {
        handler.forget();
        self.handlers.put(handler);
    }

    /// The actors have ended. What is kept for turns keeps the app.
    pub(crate) fn clear(&self) {
        self.handlers.clear();
    }
}
