//! [`PutOff`]: slots whose move was abandoned, because an actor could not be saved for example. They stay served, and move again after
//! a pause that doubles each time.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::env::Instant;
use parking_lot::Mutex;

use crate::config::OwnershipConfig;

/// Abandoned moves by slot; never more than there are slots.
#[derive(Debug, Default)]
pub(crate) struct PutOff(Mutex<BTreeMap<u32, Abandoned>>);

#[derive(Debug)]
struct Abandoned {
    until: Instant,
    pause: Duration,
}

impl PutOff {
    /// Whether a slot is not given yet.
    pub(crate) fn is(&self, slot: u32, now: Instant) -> bool {
        self.0.lock().get(&slot).is_some_and(|abandoned| now < abandoned.until)
    }

    /// A move of the slot was abandoned; returns the time for which the slot is not given.
    pub(crate) fn abandoned(&self, slot: u32, now: Instant, config: &OwnershipConfig) -> Duration {
        let mut slots = self.0.lock();
        let max = config.move_pause_max();
        let lately = slots.get(&slot).filter(|abandoned| now < abandoned.until + max);
        let pause = lately.map_or(config.poll(), |abandoned| abandoned.pause * 2).min(max);
        slots.insert(slot, Abandoned { until: now + pause, pause });
        pause
    }

    /// The slot is another app's.
    pub(crate) fn forget(&self, slot: u32) {
        self.0.lock().remove(&slot);
    }
}
