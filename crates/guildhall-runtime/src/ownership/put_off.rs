//! Slots whose move was abandoned, because an actor could not be saved, say: they are served on, and given again after a pause that
//! doubles each time.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::env::Instant;
use parking_lot::Mutex;

use super::OwnershipConfig;

/// By slot; never more than there are slots.
#[derive(Debug, Default)]
pub(super) struct PutOff(Mutex<BTreeMap<u32, Failed>>);

#[derive(Debug)]
struct Failed {
    until: Instant,
    pause: Duration,
}

impl PutOff {
    /// Whether a slot is not given yet.
    pub(super) fn is(&self, slot: u32, now: Instant) -> bool {
        self.0.lock().get(&slot).is_some_and(|failed| now < failed.until)
    }

    /// A move of the slot was abandoned; how long it is not given.
    pub(super) fn failed(&self, slot: u32, now: Instant, config: &OwnershipConfig) -> Duration {
        let mut slots = self.0.lock();
        let max = config.move_pause_max();
        let lately = slots.get(&slot).filter(|failed| now < failed.until + max);
        let pause = lately.map_or(config.poll(), |failed| failed.pause * 2).min(max);
        slots.insert(slot, Failed { until: now + pause, pause });
        pause
    }

    /// The slot is another app's.
    pub(super) fn forget(&self, slot: u32) {
        self.0.lock().remove(&slot);
    }
}
