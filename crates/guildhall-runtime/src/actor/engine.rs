//! The engine: one mailbox and one activation per key; turns of one actor run one at a time, those of different actors in parallel.
//!
//! | module | what |
//! |---|---|
//! | `in_turn` | what a turn may ask of its actor |
//! | `agenda` | what an actor does next: plain data in, a decision out |
//! | `timers` | messages that an actor sends itself later |
//! | `leave` | the actors of a slot that leave together |
//! | `payloads` | what earlier owners gave for actors that are not active yet |
//! | `mailbox`, `mailbox_lock` | what waits for one actor; whether anything has looked |
//! | `redirect` | redirects what waits for an actor that has left |
//! | `runner` | one per worker: polls the cells that have work, and keeps their time |
//! | `part`, `home` | what actors need of their app |
//! | `id`, `shard` | the name of an actor; the actors of a slot by key |
//! | `handler`, `turn_loop`, `pool` | the memory in which turns run, used for one after the other |
//! | `cell`, `active` | one actor: its states, and what it has in memory |
//! | `host` | the actors of one type by key |
//! | `grant` | what an actor writes under, and whether it still may |
//! | `later`, `callee` | what a turn may ask of its cell: outbox, reminders, timers |
//! | `endpoint` | how calls get into mailboxes |
//! | `handover` | the actors of a slot when it arrives, leaves, or is lost |
//! | `any` | the host for code that does not name its type |

mod in_turn;
mod agenda;
mod timers;
mod leave;
mod payloads;
mod mailbox;
mod mailbox_lock;
mod redirect;
mod runner;
mod part;
mod home;
mod id;
mod shard;
mod active;
mod handler;
mod pool;
mod turn_loop;
mod cell;
mod grant;
mod later;
mod callee;
mod endpoint;
mod handover;
mod any;

pub(super) use active::Active;
pub(super) use cell::Cell;
pub(super) use cell::host::{Began, Host, HostParts, Turns};
pub(super) use endpoint::Endpoint;
pub(super) use handler::{Begins, Begun, Handler, Next, Ran, Stage};
pub(super) use in_turn::Message;
pub(super) use leave::Ticket;
pub(super) use mailbox::Job;
pub(crate) use part::ActorPart;
pub use timers::Timer;
pub(super) use turn_loop::{Run, TurnLoop};
