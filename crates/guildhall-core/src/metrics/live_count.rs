//! [`LiveCount`]: a count that tasks can wait for. Draining waits until calls in flight and actors in memory are 0.

use std::sync::atomic::Ordering;

use tokio::sync::Notify;

use super::Gauge;

/// How many there are of something that begins and ends.
#[derive(Debug, Default)]
pub struct LiveCount {
    live: Gauge,
    ended: Notify,
}

impl LiveCount {
    /// Counts in `live`, which nothing else changes.
    pub fn new(live: Gauge) -> Self {
        Self { live, ended: Notify::new() }
    }

    /// The gauge that it counts in.
    pub fn live(&self) -> &Gauge {
        &self.live
    }

    /// One more begins.
    #[inline]
    pub fn begin(&self) {
        self.live.add(1);
    }

    /// One ends.
    #[inline]
    pub fn end(&self) {
        if self.live.number().fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ended.notify_waiters();
        }
    }

    /// How many there are.
    #[inline]
    pub fn get(&self) -> usize {
        usize::try_from(self.live.number().load(Ordering::Acquire)).unwrap_or_default()
    }

    /// Waits until there is none. Cancel safe.
    pub async fn wait_empty(&self) {
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
