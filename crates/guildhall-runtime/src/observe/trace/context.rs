//! The turn that the current thread runs, for log lines and store round trips, which have no [`Cx`].

use std::cell::RefCell;
use std::sync::Arc;

use guildhall_wire::{Head, Trace};

use super::parent::hex;

thread_local! {
    /// Context of the call that this thread polls.
    static PRESENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// What runs turns, by its name.
pub(crate) trait Named: Send + Sync {
    /// Its name in lines of the log and in chains of calls: `NAME/key` for an actor, `SERVICE/APP` for a SERIAL service.
    fn id(&self) -> &str;
}

/// What a call is about. Set around each poll of a handler, so that whatever it polls finds it.
#[derive(Clone)]
pub(crate) struct Context {
    head: Option<Arc<Head>>,
    callee: Option<Arc<dyn Named>>,
}

impl Context {
    pub(crate) fn new(head: Option<Arc<Head>>, callee: Option<Arc<dyn Named>>) -> Self {
        Self { head, callee }
    }

    /// Where the call stands in a trace, if it is sampled.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        super::sampled(self.head.as_deref())
    }

    /// What is known of the call, for a line of the log.
    pub(crate) fn each(&self, mut visit: impl FnMut(&'static str, &str)) {
        if let Some(trace) = self.trace() {
            visit("trace", &hex(&trace.trace_id));
        }
        if let Some(callee) = &self.callee {
            visit("callee", callee.id());
        }
        if let Some(session) = self.head.as_ref().and_then(|head| head.session.as_ref()) {
            visit("player", &session.player);
        }
    }
}

/// Runs `poll` as a part of the call. The context is lent to the thread meanwhile, which counts no references.
#[inline]
pub(crate) fn within<R>(context: &mut Option<Context>, poll: impl FnOnce() -> R) -> R {
    if context.is_none() {
        return poll();
    }
    swap(context);
    let _back = Lent(context);
    poll()
}

/// A context that the thread has. Dropped, also by a panic, it takes the context back.
struct Lent<'a>(&'a mut Option<Context>);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        swap(self.0);
    }
}

fn swap(context: &mut Option<Context>) {
    PRESENT.with_borrow_mut(|present| std::mem::swap(present, context));
}

/// Lets `look` see the present call, if there is one.
pub(crate) fn present<R>(look: impl FnOnce(&Context) -> R) -> Option<R> {
    let look = |present: &RefCell<Option<Context>>| present.try_borrow().ok()?.as_ref().map(look);
    PRESENT.try_with(look).ok().flatten()
}
