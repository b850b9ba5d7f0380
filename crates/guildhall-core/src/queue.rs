//! The [`Queue`] seam: each item goes to one consumer, and is delivered again when it is not acknowledged.

pub mod memory;

use std::time::Duration;

use bytes::Bytes;

use crate::BoxFuture;

/// Named queues of items.
///
/// # Contract
/// Each rule has its test, of the same name, in `guildhall_testkit::queue`.
///
/// 1. `items_come_in_the_order_of_their_pushes`: within one queue.
/// 2. `a_pop_waits_for_a_push`: and returns no item when its waiting time is over.
/// 3. `an_item_goes_to_one_popper`: two pops at the same time do not get the same item.
/// 4. `an_item_that_is_not_acknowledged_comes_again` (backends with `capabilities().ack_wait`): after that time, never before,
///    ahead of items that were pushed later, with a larger `attempt`. `an_item_of_a_lost_popper_comes_again` (durable ones): also
///    when the app that popped it is gone, or at once in backends with `capabilities().returns_on_disconnect`.
/// 5. `an_acknowledged_item_is_gone`: it is not delivered again. Without `ack_wait` no popped item is.
/// 6. `a_late_acknowledgement_changes_nothing`: an acknowledgement of a delivery is ignored once the item was delivered again.
/// 7. `a_full_queue_refuses_at_once`: a push to a full queue fails without waiting.
/// 8. `items_survive_a_restart` (backends with `capabilities().durable`).
pub trait Queue: Send + Sync + 'static {
    /// The capabilities of this backend.
    fn capabilities(&self) -> QueueCapabilities;

    /// Appends an item. `Ok` means that it is in the queue; after `Unknown` it may be.
    fn push<'a>(&'a self, queue: &'a str, body: Bytes) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Takes the first item, or waits up to `wait` for one. An item whose pop was dropped, or whose answer was lost, is delivered
    /// again.
    fn pop<'a>(
        &'a self,
        queue: &'a str,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Option<Popped>, QueueError>>;

    /// Acknowledges a popped item, which is not delivered again.
    fn ack<'a>(&'a self, queue: &'a str, receipt: &'a str)
    -> BoxFuture<'a, Result<(), QueueError>>;
}

/// Optional capabilities of a queue backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueCapabilities {
    /// Time after which a popped item that was not acknowledged is delivered again. `None`: a popped item is gone, and acknowledging
    /// has no effect.
    pub ack_wait: Option<Duration>,
    /// Popped items of an app whose connection to the server is lost are delivered again at once, before `ack_wait`: another app may
    /// have an item while the first one still works on it.
    pub returns_on_disconnect: bool,
    /// Items survive the end of the backend's process.
    pub durable: bool,
}

/// A popped item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Popped {
    /// The pushed bytes.
    pub body: Bytes,
    /// The handle for [`Queue::ack`].
    pub receipt: String,
    /// Number of deliveries, including this one: 1 at first.
    pub attempt: u32,
}

/// The kind of a failed operation, which says what the caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueErrorKind {
    /// The queue is full; nothing was pushed.
    Full,
    /// The backend cannot be reached; nothing happened.
    Unavailable,
    /// The answer was lost: it may have happened.
    Unknown,
}

/// A failed operation of a queue backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("queue {operation}: {message}")]
pub struct QueueError {
    /// What the caller can do.
    pub kind: QueueErrorKind,
    /// `push`, `pop`, `ack`.
    pub operation: &'static str,
    /// The problem, and what to do.
    pub message: String,
}
