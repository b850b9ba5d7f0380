//! Call chains: record which turn waits for which, so that a call that would wait for itself is refused at once.

use std::any::{Any, TypeId};
use std::sync::Arc;

use guildhall_core::{KeyText, outside};
use guildhall_wire::Head;
use parking_lot::Mutex;

use crate::observe::trace::context::Named;

/// Turns in a chain of calls that wait for each other.
const CHAIN_MAX: usize = 16;

/// Runs one turn at a time, so a call to it from a turn that it waits for could never be answered: an actor, or a SERIAL service of
/// one app.
pub(crate) trait Callee: Named {
    /// The text of its key, if it is an actor.
    fn key(&self) -> Option<&[u8]> {
        None
    }
    /// What its turn waits for.
    fn awaits(&self) -> &Mutex<Awaits>;
    /// Whether its turn takes longer than it may.
    fn is_over_limit(&self) -> bool {
        false
    }
    /// Another interface of it in an `Arc`, for a layer above: what only turns of actors may do. See [`as_interface`].
    fn interface(self: Arc<Self>, _wanted: TypeId) -> Option<Box<dyn Any>> {
        None
    }
}

/// Another interface of a callee, if it has that one.
pub(crate) fn as_interface<T: ?Sized + 'static>(callee: &Arc<dyn Callee>) -> Option<Arc<T>> {
    let interface = Arc::clone(callee).interface(TypeId::of::<Arc<T>>())?;
    interface.downcast::<Arc<T>>().ok().map(|interface| *interface)
}

/// The id of an actor.
pub(crate) fn actor_id(name: &str, key: KeyText<'_>) -> String {
    key.with_text(|key| format!("{name}/{}", key.unwrap_or_default()))
}

/// The id of a SERIAL service in one app.
pub(crate) fn serial_id(service: &str, app: &str) -> String {
    format!("{service}/{app}")
}

/// The callees that a turn waits for.
#[derive(Debug, Default)]
pub(crate) struct Awaits(Vec<String>);

impl Awaits {
    /// Why a call would wait for `me` for ever: the turn of `me` waits for a callee whose turn makes the call.
    pub(crate) fn problem(&self, head: Option<&Head>, me: &str) -> Option<String> {
        let chain = &head?.chain;
        let other = self.0.iter().find(|other| chain.contains(other))?;
        let (other, me) = (outside(other), outside(me));
        Some(format!("{other} waits for {me}, whose turn waits for {other}"))
    }
}

/// Why a call can never be answered: it would wait for itself, or the chain has no end.
pub(crate) fn problem(head: Option<&Head>, me: impl FnOnce() -> String) -> Option<String> {
    let chain = &head?.chain;
    if chain.is_empty() {
        return None;
    }
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
