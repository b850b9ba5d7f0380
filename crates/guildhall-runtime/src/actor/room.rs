//! The room of an actor type: its actors by key, how many there may be, and how they all end.

use std::any::TypeId;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use guildhall_core::config::Config;
use guildhall_core::hash::Seeded;
use guildhall_core::metrics::{LiveCount, Metrics};
use guildhall_core::rpc::find_key;
use guildhall_core::status::reason;
use guildhall_core::store::{LeaseId, Table, WAKE};
use guildhall_core::{
    ActorKey as _, BoxFuture, Code, Env, Key, KeyKind, KeyText, MethodDesc, ServiceDesc,
    StartError, Status, slot_of,
};
use guildhall_entity::State as _;
use guildhall_ownership::{EarlyCalls, SlotCounts, SlotMeters, SlotTable};
use guildhall_wire::Session;
use parking_lot::Mutex;
use tokio_util::sync::ReusableBoxFuture;

use super::admin::Admin;
use super::cell::{Active, Cell};
use super::config::ActorConfig;
use super::owned::Unused;
use super::residents::Home;
use super::services::ActorServices;
use super::sweeper::Leaves;
use super::waker::Sleepers;
use super::{Actor, Why, work};
use crate::app::AppInner;
use crate::chain::{self, actor_id};
use crate::cx::Cx;
use crate::ownership::Owned;
use crate::reply::ReplyPort;
use crate::service::{HandlerFuture, Incoming, Service};
use crate::turn::Call;

/// Boxes of turns that are kept for the next ones.
const POOLED: usize = 64;

/// An actor type of an app, before it runs.
pub(crate) struct ActorType {
    pub(crate) name: &'static str,
    pub(crate) open: OpenRoom,
}

type OpenRoom = fn(&Config, &ActorConfig, &World<'_>) -> Result<Registered, StartError>;

/// What a room is opened in.
pub(crate) struct World<'a> {
    pub(crate) env: &'a Env,
    pub(crate) metrics: &'a Metrics,
    pub(crate) workers: usize,
    /// Of actor types that say nothing else.
    pub(crate) slots: u32,
}

/// An actor type of an app.
pub(crate) struct Registered {
    pub(crate) services: Vec<Arc<dyn Service>>,
    pub(crate) room: Arc<dyn AnyRoom>,
    pub(crate) admin: Arc<dyn Admin>,
    pub(crate) owned: Arc<dyn Owned>,
    /// Where it has residents.
    pub(crate) home: Option<Arc<dyn Home>>,
    /// Where all that have an entity are active, and by which table.
    pub(crate) rows: Option<(&'static Table, Arc<dyn Sleepers>)>,
    /// Where actors may have to be woken, and by which table.
    pub(crate) sleepers: Option<(&'static Table, Arc<dyn Sleepers>)>,
    pub(crate) tables: Vec<&'static Table>,
    /// What removes the tombstones of these tables.
    pub(crate) leaves: Arc<dyn Leaves>,
    pub(crate) key: KeyKind,
}

/// A room, whatever its actors are.
pub(crate) trait AnyRoom: Send + Sync {
    /// Takes nothing new and deactivates all actors, after the calls that wait for them.
    fn drain(&self) -> BoxFuture<'_, ()>;
    /// Refuses the calls that wait, ends the turns that run, and saves and deactivates all actors.
    fn save(&self) -> BoxFuture<'_, ()>;
    /// Drops all actors as they are: the app was killed.
    fn abandon(&self);
}

/// The actors of one type in one app.
pub(super) struct Room<A: Actor, S> {
    pub(super) config: ActorConfig,
    pub(super) slots: SlotTable,
    /// Calls that wait for a slot.
    pub(super) early: Arc<EarlyCalls<Call>>,
    pub(super) unused: Unused,
    /// Its actors have something in a store.
    pub(super) has_rows: bool,
    /// The first row has the column that says when to wake its actor.
    pub(super) wakes: bool,
    /// In the order in which [`ActorServices::dispatch`] knows them.
    services: Vec<&'static ServiceDesc>,
    /// By slot, then by key.
    shards: Vec<Mutex<Shard<A, S>>>,
    workers: u32,
    count: LiveCount,
    closed: AtomicBool,
    numbers: AtomicU64,
    turns: Mutex<Vec<TurnBox<A>>>,
}

type Shard<A, S> = HashMap<Key, Arc<Cell<A, S>>, Seeded>;

/// The one box of a turn, used again and again.
pub(super) type TurnBox<A> = ReusableBoxFuture<'static, Option<Box<Active<A>>>>;

/// Makes the room and its services.
pub(crate) fn open<A: Actor, S: ActorServices<A>>(
    config: &Config,
    all: &ActorConfig,
    world: &World<'_>,
) -> Result<Registered, StartError> {
    let knobs = ActorConfig::of(A::NAME, all, config)?;
    knobs.check(A::NAME).map_err(StartError::new)?;
    let mut descs = Vec::new();
    S::descs(&mut descs);
    if knobs.resident > 0 && descs.is_empty() {
        let (name, count) = (A::NAME, knobs.resident);
        let why =
            format!("actor.{name}.resident is {count}; residents need a service to be found by");
        return Err(StartError::new(why));
    }
    let seed = world.env.random();
    let help = "Actors in memory, those that are about to become active included";
    let in_memory = world.metrics.gauge("guildhall_actors", help, &["actor"])?;
    let count = LiveCount::default();
    in_memory.adopt(&[A::NAME], count.live());
    let slots = knobs.slots(world.slots);
    let first = A::State::tables().first().copied();
    if knobs.resident_rows && first.is_none() {
        let why = format!("actor.{}.resident_rows is true, and the type has no entity", A::NAME);
        return Err(StartError::new(why));
    }
    let wakes = first.filter(|table| table.column(WAKE.number).is_some());
    let room = Arc::new(Room::<A, S> {
        slots: SlotTable::new(
            A::NAME,
            slots,
            knobs.pinned,
            SlotMeters::new(world.metrics, A::NAME)?,
        ),
        early: Arc::default(),
        unused: Unused::default(),
        has_rows: first.is_some(),
        wakes: wakes.is_some(),
        config: knobs,
        services: descs.clone(),
        shards: (0..slots).map(|_| Mutex::new(HashMap::with_hasher(Seeded(seed)))).collect(),
        workers: u32::try_from(world.workers).unwrap_or(u32::MAX),
        count,
        closed: AtomicBool::new(false),
        numbers: AtomicU64::new(0),
        turns: Mutex::default(),
    });
    let endpoint = |(service, desc)| {
        let room = Arc::clone(&room);
        Arc::new(Endpoint::<A, S> { room, service, desc, actor: PhantomData }) as Arc<dyn Service>
    };
    Ok(Registered {
        services: descs.into_iter().enumerate().map(endpoint).collect(),
        admin: Arc::clone(&room) as _,
        owned: Arc::clone(&room) as _,
        rows: first
            .filter(|_| room.config.resident_rows)
            .map(|table| (table, Arc::clone(&room) as _)),
        sleepers: wakes.map(|table| (table, Arc::clone(&room) as _)),
        home: (room.config.resident > 0).then(|| Arc::clone(&room) as _),
        leaves: Arc::clone(&room) as _,
        room,
        tables: A::State::tables(),
        key: A::Key::KIND,
    })
}

/// One service of an actor type.
struct Endpoint<A: Actor, S> {
    room: Arc<Room<A, S>>,
    service: usize,
    desc: &'static ServiceDesc,
    actor: PhantomData<fn(A)>,
}

impl<A: Actor, S: ActorServices<A>> Service for Endpoint<A, S> {
    fn desc(&self) -> &'static ServiceDesc {
        self.desc
    }

    fn actor(&self) -> Option<(&'static str, u32)> {
        Some((A::NAME, self.room.slots.count()))
    }

    fn dispatch(&self, call: Incoming<'_>) -> Option<HandlerFuture> {
        let Incoming { cx, method, body, reply } = call;
        if self.room.closed.load(Ordering::Acquire) {
            reply.refuse(Code::Unavailable, reason::GOING_AWAY, "this app drains");
            return None;
        }
        let Some(field) = method.key else {
            self.room.tell_all(self.service, &cx, method, &body.into_bytes());
            return None;
        };
        match find_key(body.bytes, field) {
            Ok(key) => key.with_text(|key| match key {
                Ok(key) => {
                    let body = body.into_bytes();
                    self.room.post(key, Call { service: self.service, method, cx, body, reply });
                }
                Err(why) => {
                    let why = format!("{}: {why}", method.path);
                    reply.refuse(Code::InvalidArgument, reason::BAD_KEY, why);
                }
            }),
            Err(why) => reply.refuse(Code::InvalidArgument, reason::BAD_REQUEST, why),
        }
        None
    }
}

impl<A: Actor, S: ActorServices<A>> Room<A, S> {
    /// As `post`, for a call whose key is to be found in its body again.
    pub(super) fn post_body(self: &Arc<Self>, call: Call) {
        let found = call.method.key.and_then(|field| find_key(&call.body, field).ok());
        let key = found.and_then(|key| key.with_text(|key| key.map(Key::from)).ok());
        // It had a key when it came.
        if let Some(key) = key {
            self.post(key.as_str(), call);
        }
    }

    /// Puts a call into the mailbox of its actor, or says why not.
    fn post(self: &Arc<Self>, key: &str, call: Call) {
        let slot = self.slot_of(key);
        let me = || actor_id(A::NAME, KeyText::Text(key));
        if let Some(cycle) = chain::problem(&call.cx, me) {
            call.deadlock(cycle);
            return;
        }
        let mut shard = self.shards[slot as usize].lock();
        // With the shard locked: who ends the slot finds all calls that were taken.
        if self.slots.epoch(slot) == 0 {
            drop(shard);
            self.post_elsewhere(slot, call);
            return;
        }
        let Some(cell) = self.cell(&mut shard, key, &call.cx.app) else {
            drop(shard);
            let max = self.config.actors_max;
            call.overloaded(format!("{max} actors are active (actor.{}.actors_max)", A::NAME));
            return;
        };
        // With the shard locked, so that the actor does not leave meanwhile.
        let taken = cell.post(call);
        drop(shard);
        if taken {
            cell.schedule();
        }
    }

    /// The actor with this key, which begins if there is room for it.
    fn cell(
        self: &Arc<Self>,
        shard: &mut Shard<A, S>,
        key: &str,
        app: &Arc<AppInner>,
    ) -> Option<Arc<Cell<A, S>>> {
        if let Some(cell) = shard.get(key) {
            return Some(Arc::clone(cell));
        }
        if self.count.get() >= self.config.actors_max {
            return None;
        }
        self.count.begin();
        let cell = Cell::new(self, app, Key::from(key), self.worker_of(key));
        shard.insert(cell.key.clone(), Arc::clone(&cell));
        Some(cell)
    }

    /// Puts a cast into the mailbox of every active actor.
    fn tell_all(&self, service: usize, cx: &Cx, method: &'static MethodDesc, body: &bytes::Bytes) {
        for cell in self.cells() {
            let (cx, body, reply) = (cx.clone(), body.clone(), ReplyPort::none());
            if cell.post(Call { service, method, cx, body, reply }) {
                cell.schedule();
            }
        }
    }

    /// All actors, in the order of their keys: never that of a hash.
    pub(super) fn cells(&self) -> Vec<Arc<Cell<A, S>>> {
        let all = (0..self.slots.count()).flat_map(|slot| self.of_slot(slot));
        let mut cells: Vec<_> = all.collect();
        cells.sort_by(|a, b| a.key.cmp(&b.key));
        cells
    }

    /// The actors of a slot, in the order of their keys.
    pub(super) fn of_slot(&self, slot: u32) -> Vec<Arc<Cell<A, S>>> {
        let mut cells: Vec<_> = self.shards[slot as usize].lock().values().cloned().collect();
        cells.sort_by(|a, b| a.key.cmp(&b.key));
        cells
    }

    fn slot_of(&self, key: &str) -> u32 {
        slot_of(key, self.slots.count())
    }

    /// Deactivates an actor; whether it is there.
    fn close_for(&self, key: &str, why: Why) -> bool {
        let cell = self.shards[self.slot_of(key) as usize].lock().get(key).cloned();
        cell.inspect(|cell| cell.close(why)).is_some()
    }

    fn worker_of(&self, key: &str) -> usize {
        match self.workers {
            workers @ 2.. => slot_of(key, workers) as usize,
            _ => 0,
        }
    }

    /// Forgets an actor that is not active, unless a call has come meanwhile.
    pub(super) fn forget(&self, cell: &Cell<A, S>) -> bool {
        let mut shard = self.shards[cell.slot as usize].lock();
        if !cell.is_empty() {
            return false;
        }
        if shard.remove(&cell.key).is_some() {
            drop(shard);
            self.count.end();
        }
        true
    }

    /// The place of a method's service among those of the actor type.
    pub(super) fn service(&self, method: &MethodDesc) -> Result<usize, Status> {
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
    pub(super) fn method(&self, id: u32) -> Option<&'static MethodDesc> {
        let methods = self.services.iter().flat_map(|service| service.methods);
        methods.into_iter().find(|method| method.id == id)
    }

    /// Above all that this app has counted for the actor type: of activations, and of generations.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Begins to work off what waits for an actor, in a box that has been used before if there is one.
    pub(super) fn begin(
        &self,
        cell: &Arc<Cell<A, S>>,
        active: Option<Box<Active<A>>>,
    ) -> TurnBox<A> {
        let work = work::work(Arc::clone(cell), active);
        match self.turns.lock().pop() {
            Some(mut turn) => {
                turn.set(work);
                turn
            }
            None => ReusableBoxFuture::new(work),
        }
    }

    /// Keeps the box of a turn that has ended.
    pub(super) fn recycle(&self, turn: TurnBox<A>) {
        let mut turns = self.turns.lock();
        if turns.len() < POOLED {
            turns.push(turn);
        }
    }
}

impl<A: Actor, S: ActorServices<A>> Admin for Room<A, S> {
    fn actor(&self) -> TypeId {
        TypeId::of::<A>()
    }

    fn name(&self) -> &'static str {
        A::NAME
    }

    fn count(&self) -> usize {
        self.count.get()
    }

    fn slots(&self) -> SlotCounts {
        self.slots.counts()
    }

    fn keys(&self) -> Vec<Key> {
        self.cells().iter().map(|cell| cell.key.clone()).collect()
    }

    fn close(&self, key: &str) -> bool {
        self.close_for(key, Why::Asked)
    }

    fn session_over(&self, key: &str, session: &Arc<Session>) {
        let cell = self.shards[self.slot_of(key) as usize].lock().get(key).cloned();
        if let Some(cell) = cell {
            cell.session_over(Arc::clone(session));
        }
    }
}

impl<A: Actor, S: ActorServices<A>> Home for Room<A, S> {
    fn residents(&self) -> u32 {
        self.config.resident
    }

    fn is_here(&self, key: &str) -> bool {
        self.slots.epoch(self.slot_of(key)) > 0
    }

    fn enter(self: Arc<Self>, app: &Arc<AppInner>, key: &str) {
        let mut shard = self.shards[self.slot_of(key) as usize].lock();
        match self.cell(&mut shard, key, app) {
            // With the shard locked, so that the actor does not leave meanwhile.
            Some(cell) => cell.enter(),
            None => {
                let max = self.config.actors_max;
                tracing::error!(actor = A::NAME, key, max, "no room for a resident: actors_max");
            }
        }
    }
}

impl<A: Actor, S: ActorServices<A>> Sleepers for Room<A, S> {
    fn config(&self) -> &ActorConfig {
        &self.config
    }

    fn wake(self: Arc<Self>, app: &Arc<AppInner>, key: &str) -> bool {
        if self.closed.load(Ordering::Acquire) || !self.is_here(key) {
            return false;
        }
        let mut shard = self.shards[self.slot_of(key) as usize].lock();
        let sleeps = !shard.contains_key(key);
        // One for which there is no room now is found again.
        if sleeps && let Some(cell) = self.cell(&mut shard, key, app) {
            cell.enter();
        }
        sleeps
    }
}

impl<A: Actor, S: ActorServices<A>> Leaves for Room<A, S> {
    fn may_remove(&self, key: &str, lease: &LeaseId) -> bool {
        let slot = self.slot_of(key);
        let here = self.slots.lease(slot) == lease && self.is_here(key);
        here && !self.shards[slot as usize].lock().contains_key(key)
    }
}

impl<A: Actor, S: ActorServices<A>> AnyRoom for Room<A, S> {
    fn drain(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.closed.store(true, Ordering::Release);
            self.cells().iter().for_each(|cell| cell.close(Why::Drain));
            self.count.wait_empty().await;
        })
    }

    fn save(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.closed.store(true, Ordering::Release);
            self.cells().iter().for_each(|cell| cell.end());
            self.count.wait_empty().await;
        })
    }

    fn abandon(&self) {
        self.closed.store(true, Ordering::Release);
        for cell in self.cells() {
            self.shards[cell.slot as usize].lock().remove(&cell.key);
            self.count.end();
            cell.abandon();
        }
    }
}
