//! The load that an app tells the others: calls in flight for each 100 of its weight.

use std::time::Duration;

use super::AppInner;
use crate::mesh::load_of;

/// A smaller difference is not worth a word.
const MUCH: u32 = 10;

impl AppInner {
    pub(super) fn load(&self, weight: u32) -> u32 {
        u32::try_from(load_of(self.in_flight.get(), weight)).unwrap_or(u32::MAX)
    }

    /// Waits until it is time for the next registration: `pause`, or less where somebody wants to know the load and it is far
    /// from what was `told`.
    pub(super) async fn next_word(&self, told: u32, pause: Duration) {
        let end = self.env.now() + pause;
        let Some(look) = self.load_every else { return self.env.sleep_until(end).await };
        loop {
            self.env.sleep_until(end.min(self.env.now() + look)).await;
            if self.env.now() >= end || differ_much(told, self.record().load) {
                return;
            }
        }
    }
}

/// By half or to the double, and not by a few.
fn differ_much(a: u32, b: u32) -> bool {
    let (less, more) = (a.min(b), a.max(b));
    more - less >= MUCH && more / 2 >= less
}
