//! [`Receipts`]: which deliveries may still be acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use guildhall_core::env::Instant;

/// Items of one client that wait for their acknowledgement; the oldest of more come again.
const RECEIPTS_MAX: usize = 262_144;

/// The deliveries of this client.
#[derive(Debug)]
pub(super) struct Receipts {
    /// For so long after an item arrived its acknowledgement is sent: it arrives before the server delivers the item again, which it
    /// does `ack_wait` after it has sent it.
    good: Duration,
    arrived: BTreeMap<String, Instant>,
    /// The oldest first.
    order: VecDeque<(Instant, String)>,
}

impl Receipts {
    pub(super) fn new(ack_wait: Duration) -> Self {
        Self { good: ack_wait * 9 / 10, arrived: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(super) fn add(&mut self, receipt: String, now: Instant) {
        while let Some((arrived, _)) = self.order.front()
            && (now.saturating_duration_since(*arrived) >= self.good
                || self.order.len() >= RECEIPTS_MAX)
        {
            if let Some((_, oldest)) = self.order.pop_front() {
                self.arrived.remove(&oldest);
            }
        }
        self.arrived.insert(receipt.clone(), now);
        self.order.push_back((now, receipt));
    }

    pub(super) fn is_good(&self, receipt: &str, now: Instant) -> bool {
        let arrived = self.arrived.get(receipt);
        arrived.is_some_and(|arrived| now.saturating_duration_since(*arrived) < self.good)
    }

    pub(super) fn remove(&mut self, receipt: &str) {
        self.arrived.remove(receipt);
    }
}
