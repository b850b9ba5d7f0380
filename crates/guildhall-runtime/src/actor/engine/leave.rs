//! Deactivates and saves all actors of a slot before the slot moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use guildhall_ownership::Payload;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The actors of a slot that have been asked to leave.
#[derive(Debug, Default)]
pub(crate) struct Leave {
    left: AtomicUsize,
    failed: AtomicBool,
    payloads: Mutex<Vec<Payload>>,
    done: Notify,
}

impl Leave {
    /// For one actor more. It has left when this is dropped.
    pub(crate) fn ticket(self: &Arc<Self>) -> Ticket {
        self.left.fetch_add(1, Ordering::AcqRel);
        Ticket(Arc::clone(self))
    }

    /// Waits until all have left; what they give, or `None` when one could not be saved.
    pub(crate) async fn wait(&self) -> Option<Vec<Payload>> {
        while self.left.load(Ordering::Acquire) > 0 {
            self.done.notified().await;
        }
        let payloads = std::mem::take(&mut *self.payloads.lock());
        (!self.failed.load(Ordering::Acquire)).then_some(payloads)
    }
}

/// One actor that is asked to leave.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<Leave>);

impl Ticket {
    /// It is saved, and gives this to the next owner.
    pub(crate) fn gives(&self, payload: Payload) {
        self.0.payloads.lock().push(payload);
    }

    /// It cannot be saved now: the slot has to stay.
    pub(crate) fn fails(&self) {
        self.0.failed.store(true, Ordering::Release);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.0.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.done.notify_one();
        }
    }
}
