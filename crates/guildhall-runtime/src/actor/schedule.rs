//! [`Schedule`]: the times of a reminder.

use std::time::Duration;

/// When a reminder fires: once, every so often, or by the calendar. Times are those of the wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(pub(super) Times);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// In ms since the Unix epoch.
    At(u64),
    /// In ms, at least 1.
    Every(u64),
}

impl Schedule {
    /// Once, at this time since the Unix epoch, as `cx.env().wall()` has it. One that has passed is at once.
    pub fn at(wall: Duration) -> Self {
        Self(Times::At(millis(wall)))
    }

    /// Every `period`, at least 1 ms: for the first time one `period` from when it is set.
    pub fn every(period: Duration) -> Self {
        Self(Times::Every(millis(period).max(1)))
    }

    /// When it fires for the first time, where it is set now.
    pub(super) fn first(&self, now_ms: u64) -> u64 {
        match &self.0 {
            Times::At(at) => *at,
            Times::Every(period) => now_ms.saturating_add(*period),
        }
    }

    /// It was due at `due_ms` and fires now: how many of its times have passed, that one included, and the next one.
    pub(super) fn after(&self, due_ms: u64, now_ms: u64) -> (u64, Option<u64>) {
        match &self.0 {
            Times::At(_) => (1, None),
            Times::Every(period) => {
                let passed = 1 + now_ms.saturating_sub(due_ms) / period;
                (passed, Some(due_ms.saturating_add(period.saturating_mul(passed))))
            }
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
