//! The room of an actor type: its actors by key, how many there may be, and how they all end.

use std::any::TypeId;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use guildhall_core::config::Config;
use guildhall_core::status::reason;
use guildhall_core::store::Table;
use guildhall_core::{BoxFuture, Code, Env, Key, KeyText, MethodDesc, ServiceDesc};
use guildhall_entity::State as _;
use parking_lot::Mutex;
use tokio_util::sync::ReusableBoxFuture;

use super::admin::Admin;
use super::cell::{Active, Cell};
use super::config::ActorConfig;
use super::key::find_key;
use super::services::ActorServices;
use super::{Actor, Why, work};
use crate::app::StartError;
use crate::chain::{self, actor_id};
use crate::cx::Cx;
use crate::live_count::LiveCount;
use crate::metrics::Metrics;
use crate::reply::ReplyPort;
use crate::service::{HandlerFuture, Incoming, Seeded, Service};
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
}

/// An actor type of an app.
pub(crate) struct Registered {
    pub(crate) services: Vec<Arc<dyn Service>>,
    pub(crate) room: Arc<dyn AnyRoom>,
    pub(crate) admin: Arc<dyn Admin>,
    pub(crate) tables: Vec<&'static Table>,
}

/// A room, whatever its actors are.
pub(crate) trait AnyRoom: Send + Sync {
    /// Takes nothing new and deactivates all actors, after the calls that wait for them.
    fn drain(&self) -> BoxFuture<'_, ()>;
    /// Drops all actors as they are: the app was killed.
    fn abandon(&self);
}

/// The actors of one type in one app.
pub(super) struct Room<A: Actor, S> {
    pub(super) config: ActorConfig,
    /// By worker, then by key.
    shards: Vec<Mutex<Shard<A, S>>>,
    count: LiveCount,
    closed: AtomicBool,
    activations: AtomicU64,
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
    let seed = world.env.random();
    let help = "Actors in memory, those that are about to become active included";
    let in_memory = world.metrics.gauge("guildhall_actors", help, &["actor"])?;
    let count = LiveCount::default();
    in_memory.adopt(&[A::NAME], count.live());
    let room = Arc::new(Room::<A, S> {
        config: knobs,
        shards: (0..world.workers)
            .map(|_| Mutex::new(HashMap::with_hasher(Seeded(seed))))
            .collect(),
        count,
        closed: AtomicBool::new(false),
        activations: AtomicU64::new(0),
        turns: Mutex::default(),
    });
    let mut descs = Vec::new();
    S::descs(&mut descs);
    let endpoint = |(service, desc)| {
        let room = Arc::clone(&room);
        Arc::new(Endpoint::<A, S> { room, service, desc, actor: PhantomData }) as Arc<dyn Service>
    };
    Ok(Registered {
        services: descs.into_iter().enumerate().map(endpoint).collect(),
        admin: Arc::clone(&room) as _,
        room,
        tables: A::State::tables(),
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

    fn actor(&self) -> Option<&'static str> {
        Some(A::NAME)
    }

    fn dispatch(&self, call: Incoming<'_>) -> Option<HandlerFuture> {
        let Incoming { cx, method, body, reply } = call;
        if self.room.closed.load(Ordering::Acquire) {
            reply.refuse(Code::Unavailable, reason::GOING_AWAY, "this app drains");
            return None;
        }
        let Some(field) = method.key else {
            self.room.tell_all(self.service, &cx, method, &body.keep());
            return None;
        };
        match find_key(body.bytes, field) {
            Ok(key) => key.with_text(|key| match key {
                Some(key) => {
                    let body = body.keep();
                    self.room.post(key, Call { service: self.service, method, cx, body, reply });
                }
                None => {
                    let why = format!("{} has an empty key", method.path);
                    reply.refuse(Code::InvalidArgument, reason::BAD_KEY, why);
                }
            }),
            Err(why) => reply.refuse(Code::InvalidArgument, reason::BAD_REQUEST, why),
        }
        None
    }
}

impl<A: Actor, S: ActorServices<A>> Room<A, S> {
    /// Puts a call into the mailbox of its actor, or says why not.
    fn post(self: &Arc<Self>, key: &str, call: Call) {
        let me = || actor_id(A::NAME, KeyText::Text(key));
        if let Some(cycle) = chain::problem(&call.cx, me) {
            call.deadlock(cycle);
            return;
        }
        let worker = self.worker_of(key);
        let mut shard = self.shards[worker].lock();
        let cell = match shard.get(key) {
            Some(cell) => Arc::clone(cell),
            None => {
                if self.count.get() >= self.config.actors_max {
                    drop(shard);
                    let max = self.config.actors_max;
                    call.overloaded(format!(
                        "{max} actors are active (actor.{}.actors_max)",
                        A::NAME
                    ));
                    return;
                }
                self.count.begin();
                let key = Key::from(key);
                let cell = Cell::new(self, &call.cx.app, key.clone(), worker);
                shard.insert(key, Arc::clone(&cell));
                cell
            }
        };
        // With the shard locked, so that the actor does not leave meanwhile.
        let taken = cell.post(call);
        drop(shard);
        if taken {
            cell.schedule();
        }
    }

    /// Puts a cast into the mailbox of every active actor.
    fn tell_all(&self, service: usize, cx: &Cx, method: &'static MethodDesc, body: &bytes::Bytes) {
        for cell in self.cells() {
            let (cx, body, reply) = (cx.clone(), body.clone(), ReplyPort::none(None));
            if cell.post(Call { service, method, cx, body, reply }) {
                cell.schedule();
            }
        }
    }

    /// All actors, in the order of their keys: never that of a hash.
    fn cells(&self) -> Vec<Arc<Cell<A, S>>> {
        let of_shard = |shard: &Mutex<Shard<A, S>>| shard.lock().values().cloned().collect();
        let mut cells: Vec<_> = self.shards.iter().flat_map::<Vec<_>, _>(of_shard).collect();
        cells.sort_by(|a, b| a.key.cmp(&b.key));
        cells
    }

    fn worker_of(&self, key: &str) -> usize {
        match u32::try_from(self.shards.len()) {
            Ok(workers @ 2..) => guildhall_core::slot_of(key, workers) as usize,
            _ => 0,
        }
    }

    /// Forgets an actor that is not active, unless a call has come meanwhile.
    pub(super) fn forget(&self, cell: &Cell<A, S>) -> bool {
        let mut shard = self.shards[cell.worker].lock();
        if cell.has_work() {
            return false;
        }
        if shard.remove(&cell.key).is_some() {
            drop(shard);
            self.count.end();
        }
        true
    }

    pub(super) fn next_activation(&self) -> u64 {
        self.activations.fetch_add(1, Ordering::Relaxed) + 1
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

    fn count(&self) -> usize {
        self.count.get()
    }

    fn keys(&self) -> Vec<Key> {
        self.cells().iter().map(|cell| cell.key.clone()).collect()
    }

    fn close(&self, key: &str) -> bool {
        let cell = self.shards[self.worker_of(key)].lock().get(key).cloned();
        cell.inspect(|cell| cell.close(Why::Asked)).is_some()
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

    fn abandon(&self) {
        self.closed.store(true, Ordering::Release);
        for cell in self.cells() {
            self.shards[cell.worker].lock().remove(&cell.key);
            self.count.end();
            cell.abandon();
        }
    }
}
