//! A number that can be waited for: calls without their reply, actors in memory. Draining waits until it is 0.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many there are of something that begins and ends.
#[derive(Debug, Default)]
pub(crate) struct LiveCount {
    live: AtomicUsize,
    ended: Notify,
}

impl LiveCount {
    #[inline]
    pub(crate) fn begin(&self) {
        self.live.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn end(&self) {
        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ended.notify_waiters();
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// Waits until there is none. Cancel safe.
    pub(crate) async fn wait_empty(&self) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            // Before the look at the number, so that an end between the two is not missed.
            ended.as_mut().enable();
            if self.get() == 0 {
                return;
            }
            ended.await;
        }
    }
}
