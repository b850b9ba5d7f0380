//! Actors: one mailbox and one activation per key, serial within, parallel across; their state claimed before, saved after.
//!
//! Layers, low to high:
//!
//! | module | what |
//! |---|---|
//! | `config`, `key`, `cx`, `services`, `any_host` | settings, keys in requests, the context of a turn, services as types, the host of a type for code that does not name it |
//! | `records` | what has run: commands of sessions, and messages of outboxes |
//! | `outbox` | messages and reminders that are in the actor's row |
//! | `waiting_replies`, `saver` | replies that wait for commits; the saver groups the saves of many actors |
//! | `engine` | hosts, cells, mailboxes, runners, timers |
//! | `persistence` | activate and claim, save, and the end of a turn |
//! | `slots` | residents are kept active, tombstones are removed |
//! | `turns` | what a turn is |
//! | `open`, `admin` | makes the host of an actor type; the public look at it |

mod config;
mod key;
mod cx;
mod services;
mod any_host;
mod records;
mod outbox;
mod waiting_replies;
mod saver;
mod engine;
mod persistence;
mod slots;
mod turns;
mod open;
mod admin;

use bytes::Bytes;
use guildhall_core::{ActorKey, Status};
use guildhall_entity::ActorState;

pub use admin::Actors;
pub(crate) use any_host::AnyHost;
pub use config::ActorConfig;
pub use cx::ActorCx;
pub(crate) use engine::ActorPart;
pub use engine::Timer;
pub(crate) use open::{ActorType, Registered, World};
pub use outbox::{Message as OutboxMessage, OutboxConfig, Schedule};
pub(crate) use outbox::{OutboxPart, activate_due_rows};
pub(crate) use saver::Saver;
pub use services::ActorServices;
pub(crate) use slots::{Swept, keep_resident_rows, keep_residents, sweep};

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
/// use guildhall::{Actor, ActorCx, App, Config, Status};
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
///     async fn activate(_cx: &ActorCx, _id: String, state: CounterStateEntity) -> Result<Self, Status> {
///         Ok(Self { state })
///     }
///
///     fn state(&mut self) -> &mut CounterStateEntity {
///         &mut self.state
///     }
/// }
///
/// impl Counter for Tally {
///     async fn add(&mut self, _cx: &ActorCx, req: AddReq) -> Result<CounterRsp, Status> {
///         *self.state.value_mut() += req.add;
///         Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
///     }
///
///     async fn get(&mut self, _cx: &ActorCx, _req: GetReq) -> Result<CounterRsp, Status> {
///         Ok(CounterRsp { value: self.state.value, ..CounterRsp::default() })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::with(Config::builder().build()?).actor::<Tally>(CounterServer);
/// let app = app.start().await?;
/// let cx = app.cx();
/// let counter = CounterClient::new(&cx);
/// counter.add(AddReq { id: "answer".into(), add: 42, ..AddReq::default() }).await?;
/// assert_eq!(counter.get(GetReq { id: "answer".into() }).await?.value, 42);
/// app.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// An actor without saved state needs no field for it:
///
/// ```
/// use guildhall::{Actor, ActorCx, Status};
///
/// struct Referee;
///
/// impl Actor for Referee {
///     const NAME: &'static str = "referee";
///     type Key = u64;
///     type State = ();
///
///     async fn activate(_cx: &ActorCx, _match_id: u64, _state: ()) -> Result<Self, Status> {
///         Ok(Self)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is not an actor: implement `guildhall::Actor`")]
pub trait Actor: Sized + Send + 'static {
    /// Name of the actor type, in its leases, settings (`[actor.NAME]`) and metrics. It must not change once rows exist.
    const NAME: &'static str;
    /// Type of the keys: `String`, `u64` or `i64`.
    type Key: ActorKey;
    /// The saved state: `()`, an entity, or a tuple of entities.
    type State: ActorState;

    /// Makes the actor from its loaded state.
    ///
    /// # Errors
    /// An error fails the call that caused the activation; the call has not run.
    fn activate(
        cx: &ActorCx,
        key: Self::Key,
        state: Self::State,
    ) -> impl Future<Output = Result<Self, Status>> + Send;

    /// Gives the runtime access to the state, to save it. Only an actor without state (`type State = ()`) need not implement it:
    ///
    /// ```compile_fail,E0080
    /// use guildhall::{Actor, ActorCx, App, Config, Status};
    /// use proto::counter::CounterStateEntity;
    ///
    /// struct Forgetful(CounterStateEntity);
    ///
    /// impl Actor for Forgetful {
    ///     const NAME: &'static str = "forgetful";
    ///     type Key = String;
    ///     type State = CounterStateEntity;
    ///
    ///     async fn activate(_cx: &ActorCx, _key: String, state: Self::State) -> Result<Self, Status> {
    ///         Ok(Self(state))
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = App::with(Config::builder().build()?).actor::<Forgetful>(());
    /// # drop(app); Ok(())
    /// # }
    /// ```
    fn state(&mut self) -> &mut Self::State {
        const { assert!(Self::State::IS_NOTHING, "an actor with state has to implement `Actor::state`") };
        // It has no size, so this allocates nothing.
        Box::leak(Box::new(Self::State::nothing().expect("as asserted")))
    }

    /// Runs every `actor.NAME.tick_ms`, in a turn of its own. An error is logged.
    fn tick(&mut self, _cx: &ActorCx) -> impl Future<Output = Result<(), Status>> + Send {
        async { Ok(()) }
    }

    /// Runs as the last turn, before the last save. If a call arrives before that save is done, the actor stays in memory, and this
    /// runs again later.
    fn deactivate(
        &mut self,
        _cx: &ActorCx,
        _reason: DeactivateReason,
    ) -> impl Future<Output = ()> + Send {
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
pub enum DeactivateReason {
    /// No call for `actor.NAME.idle_ms`.
    Idle,
    /// Requested with [`ActorCx::deactivate`] or `Actors::close`.
    Asked,
    /// Its entity does not exist: it was deleted, or the turn that could have created it did not.
    Missing,
    /// Its slot moves to another app.
    Moved,
    /// The app drains.
    Drain,
}
