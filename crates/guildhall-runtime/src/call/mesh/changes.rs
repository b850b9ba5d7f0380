//! Wakes tasks that wait for a change of the mesh, in the order in which they began to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts changes. Not a watch channel: that wakes its waiters in an order that no seed repeats.
#[derive(Debug, Default)]
pub(crate) struct Revision {
    number: AtomicU64,
    changed: Notify,
}

impl Revision {
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    pub(super) fn grow(&self) {
        self.number.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_waiters();
    }
}

/// Follows the changes of the mesh.
#[derive(Clone, Debug)]
pub struct MeshChanges {
    revision: Arc<Revision>,
    seen: u64,
}

impl MeshChanges {
    /// From the revision `seen` on.
    pub(super) fn since(revision: &Arc<Revision>, seen: u64) -> Self {
        Self { revision: Arc::clone(revision), seen }
    }

    /// Waits for the next change since this was made, or since the last one that was waited for.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn changed(&mut self) {
        loop {
            let mut changed = std::pin::pin!(self.revision.changed.notified());
            // Before the look at the number, so that a change between the two is not missed.
            changed.as_mut().enable();
            let now = self.revision.number.load(Ordering::Acquire);
            if now != self.seen {
                self.seen = now;
                return;
            }
            changed.await;
        }
    }
}
