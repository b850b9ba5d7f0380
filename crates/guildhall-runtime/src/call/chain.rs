//! Call chains: the actors that wait for a call, so that a cycle is refused at once.

use std::sync::Arc;

use guildhall_core::status::reason;
use guildhall_core::{Code, KeyText, Status, outside};
use guildhall_wire::Generation;
use parking_lot::Mutex;

use crate::actor::{DoesLater, Message};
use crate::call::Cx;

/// Turns in a chain of calls that wait for each other.
const CHAIN_MAX: usize = 16;

/// Who runs one turn at a time and so cannot answer who waits for it: an actor, or a SERIAL service of one app.
pub(crate) trait Callee: Send + Sync {
    /// How it is named in chains: `NAME/key`, or `SERVICE/APP`.
    fn id(&self) -> &str;
    /// Its key, if it is an actor.
    fn key(&self) -> Option<&str> {
        None
    }
    /// Leaves memory after the turn, if it is an actor.
    fn deactivate(&self) {}
    /// What its turn waits for.
    fn awaits(&self) -> &Mutex<Awaits>;
    /// Sends itself a message later, if it is an actor; the timer's number.
    fn set_timer(self: Arc<Self>, message: Message) -> Result<u64, Status> {
        let why =
            format!("{} is no actor: it has no timers for {}", self.id(), message.method.path);
        Err(Status::not_run(Code::FailedPrecondition, reason::NO_SUCH_METHOD, why))
    }
    /// Ends a timer.
    fn cancel_timer(&self, _number: u64) {}
    /// The next number of its slot's holder, if it is an actor.
    fn next_generation(&self) -> Result<Generation, Status> {
        let why = format!("{} is no actor: it has no generations", self.id());
        Err(Status::not_run(Code::FailedPrecondition, reason::NO_SUCH_METHOD, why))
    }
    /// What it does later in any case, if it is an actor whose table has a column for it.
    fn later(&self) -> Result<&dyn DoesLater, Status> {
        let why = format!("{} is no actor: it has no outbox and no reminders", self.id());
        Err(Status::not_run(Code::FailedPrecondition, reason::NO_SUCH_METHOD, why))
    }
}

/// The id of an actor.
pub(crate) fn actor_id(name: &str, key: KeyText<'_>) -> String {
    key.with_text(|key| format!("{name}/{}", key.unwrap_or_default()))
}

/// The id of a SERIAL service in one app.
pub(crate) fn serial_id(service: &str, app: &str) -> String {
    format!("{service}/{app}")
}

/// Whom a turn waits for.
#[derive(Debug, Default)]
pub(crate) struct Awaits(Vec<String>);

impl Awaits {
    /// Why a call would wait for `me` for ever: my turn waits for somebody whose turn makes the call.
    pub(crate) fn problem(&self, cx: &Cx, me: &str) -> Option<String> {
        let chain = &cx.head.as_ref()?.chain;
        let other = self.0.iter().find(|other| chain.contains(other))?;
        let (other, me) = (outside(other), outside(me));
        Some(format!("{other} waits for {me}, whose turn waits for {other}"))
    }
}

/// Why a call can never be answered: it would wait for itself, or the chain has no end.
pub(crate) fn problem(cx: &Cx, me: impl FnOnce() -> String) -> Option<String> {
    let chain = &cx.head.as_ref()?.chain;
    let me = me();
    if let Some(at) = chain.iter().position(|id| *id == me) {
        return Some(format!("the call waits for itself: {}", shown(&chain[at..], &me)));
    }
    (chain.len() >= CHAIN_MAX)
        .then(|| format!("{CHAIN_MAX} turns wait for each other: {}", shown(chain, &me)))
}

/// Ids have keys in them, which come from outside.
fn shown(chain: &[String], me: &str) -> String {
    let ids = chain.iter().map(String::as_str).chain([me]);
    ids.map(|id| outside(id).to_string()).collect::<Vec<_>>().join(" -> ")
}

/// A turn waits for another callee as long as this lives.
pub(crate) struct Awaiting<'a> {
    turn: &'a dyn Callee,
    other: String,
}

impl<'a> Awaiting<'a> {
    pub(crate) fn new(turn: &'a Arc<dyn Callee>, other: String) -> Self {
        turn.awaits().lock().0.push(other.clone());
        Self { turn: &**turn, other }
    }
}

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        let mut awaits = self.turn.awaits().lock();
        if let Some(at) = awaits.0.iter().position(|id| *id == self.other) {
            awaits.0.swap_remove(at);
        }
    }
}
