//! Handlers of own calls: polled once where their caller is polled, and tasks from then on.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use guildhall_link::HandlerFuture;

use super::OwnCalls;
use crate::call::any_slot::AnySlot;

/// Handlers that are polled inside each other. One more becomes a task at once: a handler that calls itself must not use up the stack.
const NESTED_MAX: usize = 8;

thread_local! {
    /// How many handlers are polled inside each other on this thread: what its stack holds is a fact of the thread.
    static NESTED: Cell<usize> = const { Cell::new(0) };
}

/// A handler that is polled inside of others.
pub(crate) struct Nested;

impl Nested {
    /// One more, if the stack has room.
    pub(crate) fn enter() -> Option<Self> {
        let nested = NESTED.get();
        (nested < NESTED_MAX).then(|| {
            NESTED.set(nested + 1);
            Self
        })
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        NESTED.set(NESTED.get() - 1);
    }
}

/// Polls a handler in place; only one that has to wait gets a task.
pub(crate) async fn in_place(
    own: &Arc<OwnCalls>,
    mut handler: HandlerFuture,
    slot: Option<&dyn AnySlot>,
) {
    let first = std::future::poll_fn(|task| {
        let first = match Nested::enter() {
            Some(_nested) => handler.as_mut().poll(task),
            None => Poll::Pending,
        };
        Poll::Ready(first)
    });
    if first.await.is_pending() {
        spawn(own, handler, slot);
    }
}

/// Gives a handler a task.
pub(crate) fn spawn(own: &Arc<OwnCalls>, handler: HandlerFuture, slot: Option<&dyn AnySlot>) {
    own.running.fetch_add(1, Ordering::Relaxed);
    let runs = Runs(Arc::clone(own));
    let task = own.endpoint.env.spawn("handler", async move {
        let _runs = runs;
        handler.await;
    });
    if let Some(slot) = slot {
        slot.runs(task.abort_handle());
    }
}

/// Counts a handler that has a task.
struct Runs(Arc<OwnCalls>);

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
