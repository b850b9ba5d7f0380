//! Counts the calls that wait for this app's reply, so that draining can wait for the last one.

use std::sync::atomic::Ordering;

use tokio::sync::Notify;

use crate::metrics::Gauge;

/// How many calls were accepted and not answered.
#[derive(Debug)]
pub(crate) struct InFlight {
    calls: Gauge,
    ended: Notify,
}

impl InFlight {
    pub(crate) fn new(calls: &Gauge) -> Self {
        Self { calls: calls.clone(), ended: Notify::new() }
    }

    #[inline]
    pub(crate) fn begin(&self) {
        self.calls.add(1);
    }

    #[inline]
    pub(crate) fn end(&self) {
        if self.calls.number().fetch_sub(1, Ordering::Release) == 1 {
            self.ended.notify_waiters();
        }
    }

    /// Waits until all calls are answered. Cancel safe.
    pub(crate) async fn wait_empty(&self) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            // Before the look at the number, so that an end between the two is not missed.
            ended.as_mut().enable();
            if self.calls.number().load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }
}
