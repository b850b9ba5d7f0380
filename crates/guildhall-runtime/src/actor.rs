//! Actors: one mailbox and one activation per key, serial within, parallel across; their state claimed before, saved after.
//!
//! | module | what |
//! |---|---|
//! | `room` | the actors of one type: by key, how many, and how they all end |
//! | `cell` | one actor: its place in the worker's queue, its clock |
//! | `mail` | its mailbox, and what it does next |
//! | `work` | what a turn is: activate, run calls, tick, save, deactivate |
//! | `activate` | claim the rows, read them, begin |
//! | `atomic` | the end of a turn: all that it has changed stays, or nothing does |
//! | `timer`, `timers` | messages that an actor sends itself later |
//! | `held` | replies that wait for commits |
//! | `commands`, `records` | what the commands of sessions have come to, in memory and in rows |
//! | `saves`, `saver` | what of an actor goes to the store, and what becomes of it; many actors share a trip |
//! | `owned`, `leave`, `reclaim` | the actors of a slot: served with it, saved before it moves, claimed again after a suspension |
//! | `later`, `outbox`, `reminders`, `cell_later` | what an actor does later in any case, as its row has it |
//! | `schedule`, `calendar` | the times of a reminder |
//! | `deliver`, `seen` | a message of an outbox on its way, and at its receiver |
//! | `waker` | activates actors that have something to do |
//! | `sweeper` | removes what deleted rows have left |
//! | `residents` | the actors that are always active, and where |
//! | `runner` | one per worker: polls the cells that have work, keeps their time |

mod activate;
mod admin;
mod atomic;
mod calendar;
mod cell;
mod cell_later;
mod commands;
mod config;
mod deliver;
mod held;
mod key;
mod later;
mod leave;
mod mail;
mod outbox;
mod outgoing;
mod owned;
mod reclaim;
mod records;
mod reminders;
mod residents;
mod room;
mod runner;
mod saver;
mod saves;
mod schedule;
mod seen;
mod services;
mod sweeper;
mod timer;
mod timers;
mod waker;
mod work;

use bytes::Bytes;
use guildhall_core::{ActorKey, ServiceDesc, Status};
use guildhall_entity::State;

use crate::cx::Cx;

pub use admin::Actors;
pub(crate) use admin::Admin;
pub use config::ActorConfig;
pub(crate) use later::DoesLater;
pub use outbox::OutboxConfig;
pub use outgoing::Message as OutboxMessage;
pub(crate) use residents::{Home, keep_residents, keep_rows};
pub(crate) use room::{ActorType, AnyRoom, Registered, World, open};
pub(crate) use runner::Runner;
pub(crate) use saver::Saver;
pub use schedule::Schedule;
pub use services::{ActorServices, ActorSetup, And};
pub(crate) use sweeper::{Swept, sweep};
pub use timer::Timer;
pub(crate) use timers::Message;
pub(crate) use waker::{SleepersOf, keep_awake};

/// State with one owner per key, and a mailbox: calls of one key run one at a time, awaits included; calls of different keys run in
/// parallel.
///
/// The runtime claims the rows of [`Actor::State`] before [`Actor::activate`], and saves changes within `save_ms` and before the actor
/// leaves memory. An idle actor has no task and no timer.
///
/// A turn that has begun runs to its end, also when its caller has stopped waiting. A turn that fails changes nothing: when it returns
/// an error, panics, exceeds `turn_limit_ms`, or is refused by the store, its entities, outbox and reminders are restored (a method
/// with `keep_on_error: true` keeps them with an error). Fields outside of the entities are not restored: after an error they stay as
/// the turn left them; after a panic or the limit they are dropped with the activation, after the changes of earlier turns are saved.
///
/// # Examples
/// ```
/// use guildhall::{Actor, App, Config, Cx, Status};
/// use proto::counter::{
///     AddReq, Counter, CounterClient, CounterRsp, CounterServer, CounterStateEntity, GetReq,
/// };
///
/// struct Tally {
///     state: CounterStateEntity,
/// }
///
/// impl Actor for Tally {
///     const NAME: &'static str = "counter";
///     type Key = String;
///     type State = CounterStateEntity;
///
///     async fn activate(_cx: &Cx, _id: String, state: CounterStateEntity) -> Result<Self, Status> {
///         Ok(Self { state })
///     }
///
///     fn state(&mut self) -> &mut CounterStateEntity {
///         &mut self.state
///     }
/// }
///
/// impl Counter for Tally {
///     async fn add(&mut self, _cx: &Cx, req: AddReq) -> Result<CounterRsp, Status> {
///         *self.state.value_mut() += req.add;
///         Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
///     }
///
///     async fn get(&mut self, _cx: &Cx, _req: GetReq) -> Result<CounterRsp, Status> {
///         Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::with(Config::builder().build()?).actor::<Tally, _>(|a| a.serve(CounterServer));
/// let app = app.start().await?;
/// let cx = app.cx();
/// let counter = CounterClient::new(&cx);
/// counter.add(AddReq { id: "answer".into(), add: 42, ..AddReq::default() }).await?;
/// assert_eq!(counter.get(GetReq { id: "answer".into() }).await?.value, 42);
/// app.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is not an actor: implement `guildhall::Actor`")]
pub trait Actor: Sized + Send + 'static {
    /// Name of the actor type, in its leases, settings (`[actor.NAME]`) and metrics. It must not change once rows exist.
    const NAME: &'static str;
    /// Type of the keys: `String`, `u64` or `i64`.
    type Key: ActorKey;
    /// The saved state: `()`, an entity, or a tuple of entities.
    type State: State;

    /// Makes the actor from its loaded state.
    ///
    /// # Errors
    /// An error fails the call that caused the activation; the call has not run.
    fn activate(
        cx: &Cx,
        key: Self::Key,
        state: Self::State,
    ) -> impl Future<Output = Result<Self, Status>> + Send;

    /// Gives the runtime access to the state, to save it.
    fn state(&mut self) -> &mut Self::State;

    /// Runs every `actor.NAME.tick_ms`, in a turn of its own. An error is logged.
    fn tick(&mut self, _cx: &Cx) -> impl Future<Output = Result<(), Status>> + Send {
        async { Ok(()) }
    }

    /// Runs as the last turn, before the last save. If a call arrives before that save is done, the actor stays in memory, and this
    /// runs again later.
    fn deactivate(&mut self, _cx: &Cx, _why: Why) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Returns the payload of a move: memory that no row contains, for the next owner. Without a move it is not used.
    fn move_out(&mut self) -> Bytes {
        Bytes::new()
    }

    /// Takes the payload that [`Actor::move_out`] returned at the previous owner.
    fn move_in(&mut self, _payload: Bytes) {}
}

/// The reason why an actor leaves memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No call for `actor.NAME.idle_ms`.
    Idle,
    /// Requested with `Cx::deactivate` or `Actors::close`.
    Asked,
    /// Its entity does not exist: it was deleted, or the turn that could have created it did not.
    Missing,
    /// Its slot moves to another app.
    Moved,
    /// The app drains.
    Drain,
}

/// An ACTOR service that `A` implements. Generated servers such as `RoleServer` implement it.
pub trait ActorService<A: Actor>: Send + Sync + 'static {
    /// What its proto declares.
    const DESC: &'static ServiceDesc;

    /// Runs one call.
    fn dispatch(
        actor: &mut A,
        cx: &Cx,
        method: usize,
        body: Bytes,
    ) -> impl Future<Output = Result<Bytes, Status>> + Send;
}
