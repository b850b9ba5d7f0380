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

/// An entity with a mailbox: its calls run one at a time, awaits included, and calls of different keys in parallel.
///
/// The runtime claims the rows of [`Actor::State`] before [`Actor::activate`] and saves what changed: after the save interval,
/// and before the actor leaves memory. An idle actor has no task and no timer.
///
/// A turn that has begun runs to its end, whatever becomes of its caller. A turn that fails changes nothing: when it returns an
/// error, panics, takes longer than `turn_limit_ms`, or the store refuses it, its entities, outbox and reminders are as they were
/// before it (`keep_on_error: true` of a method keeps them with an error). What the actor holds outside of its entities is its
/// own: after an error it is as the turn left it, after a panic or the limit it is dropped with the activation, which earlier
/// turns have saved.
#[diagnostic::on_unimplemented(message = "`{Self}` is not an actor: implement `guildhall::Actor`")]
pub trait Actor: Sized + Send + 'static {
    /// Name of the type, of its leases, knobs (`[actor.NAME]`) and metrics; never changed once rows exist.
    const NAME: &'static str;
    /// Its key: `String`, `u64` or `i64`.
    type Key: ActorKey;
    /// What it keeps in the store: `()`, an entity, or a tuple of entities.
    type State: State;

    /// Makes the actor from its state. An error is the answer to the call that wanted it, which has not run.
    fn activate(
        cx: &Cx,
        key: Self::Key,
        state: Self::State,
    ) -> impl Future<Output = Result<Self, Status>> + Send;

    /// Lends the state to the runtime, which saves it.
    fn state(&mut self) -> &mut Self::State;

    /// Runs every `tick_ms`, as a turn of its own. An error is logged.
    fn tick(&mut self, _cx: &Cx) -> impl Future<Output = Result<(), Status>> + Send {
        async { Ok(()) }
    }

    /// The last turn, before the last save. An actor that is called while the store takes its time stays; then there will be
    /// another last turn.
    fn deactivate(&mut self, _cx: &Cx, _why: Why) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// What the next owner gets beside the rows when the actor moves; nobody gets it when there is no move.
    fn move_out(&mut self) -> Bytes {
        Bytes::new()
    }

    /// Takes what [`Actor::move_out`] of the owner before has given.
    fn move_in(&mut self, _payload: Bytes) {}
}

/// Why an actor leaves memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody has called it for `idle_ms`.
    Idle,
    /// Its own turn has asked for it with `Cx::deactivate`, or somebody with `Actors::close`.
    Asked,
    /// Its entity does not exist: it was deleted, or the call that should have made it did not.
    Missing,
    /// Its slot goes to another app.
    Moved,
    /// The app drains.
    Drain,
}

/// What generated servers of ACTOR services are: `RoleServer`.
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
