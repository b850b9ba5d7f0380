//! [`SlotMeters`] and [`SlotCounts`]: what metrics and tools show of the slots of an actor type.

use std::sync::atomic::{AtomicI64, Ordering};

use guildhall_core::metrics::{Gauge, Histogram, MetricError, Metrics, SECONDS};

/// Metrics of the slots of one actor type.
pub struct SlotMeters {
    /// Slots that are served.
    served: Gauge,
    /// Seconds for which the slots that went to other apps were not served here before they arrived there.
    pub(crate) moves: Histogram,
    /// Value of `served` in the last log line about it.
    logged: AtomicI64,
}

impl SlotMeters {
    /// Registers the metrics of an actor type.
    ///
    /// # Errors
    /// The registry has no room for them, or has others of these names.
    pub fn new(metrics: &Metrics, actor: &str) -> Result<Self, MetricError> {
        let help = "Slots of an actor type that are served here";
        let served = metrics.gauge("guildhall_slots", help, &["actor"])?.with(&[actor]);
        let help = "How long a slot that went to another app was not served here before it was there, in seconds";
        let moves = metrics.histogram("guildhall_slot_move_seconds", help, &["actor"], &SECONDS)?;
        Ok(Self { served, moves: moves.with(&[actor]), logged: AtomicI64::new(0) })
    }

    /// A slot that was served under epoch `before` is served under `now`; 0 is not served.
    pub(super) fn served_under(&self, before: u64, now: u64) {
        self.served.add(i64::from(now > 0) - i64::from(before > 0));
    }

    /// How many were served at the last call of this, and how many are now; `None` when it is the same number.
    pub(super) fn take_change(&self) -> Option<(i64, i64)> {
        let now = self.served.get();
        let before = self.logged.swap(now, Ordering::Relaxed);
        (before != now).then_some((before, now))
    }
}

impl std::fmt::Debug for SlotMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlotMeters").field("served", &self.served.get()).finish_non_exhaustive()
    }
}

/// How many slots are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotCounts {
    /// Slots that are served here.
    pub served: u64,
    /// Slots that wait until it is clear which app holds their leases.
    pub suspended: u64,
    /// Slots on their way to this app, or from it.
    pub moving: u64,
    /// All slots of the actor type.
    pub all: u64,
}
