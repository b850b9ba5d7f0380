//! A circuit breaker: closed, it counts errors; open, it refuses calls; half open, it lets probe calls pass.

use std::time::Duration;

use guildhall_core::env::Instant;
use parking_lot::Mutex;

use super::config::{BreakerConfig, BreakerKind};
use super::window::Window;

/// The places in the window.
const CALLS: usize = 0;
const BAD: usize = 1;

/// Opens when too many calls go badly.
#[derive(Debug)]
pub(super) struct Breaker {
    pub(super) config: BreakerConfig,
    state: Mutex<PhaseAndCounts>,
}

#[derive(Debug)]
struct PhaseAndCounts {
    phase: Phase,
    /// Grows with every change of the phase: what began before says nothing about after.
    epoch: u64,
    ended: Window<2>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { since: Instant, begun: u32, well: u32 },
}

/// What the end of a call has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    Closed,
}

impl Breaker {
    pub(super) fn new(config: BreakerConfig, now: Instant) -> Self {
        let ended = Window::new(config.per_ms, now);
        Self { state: Mutex::new(PhaseAndCounts { phase: Phase::Closed, epoch: 0, ended }), config }
    }

    /// Whether calls are turned away, and for how long still, as far as that is known.
    pub(super) fn turns_away(&self, now: Instant) -> Option<Duration> {
        match self.state.lock().phase {
            Phase::Closed => None,
            Phase::Open { until } => Some(until.saturating_duration_since(now)),
            Phase::HalfOpen { begun, .. } if begun < self.config.probes => None,
            Phase::HalfOpen { since, .. } => {
                Some((since + self.open()).saturating_duration_since(now))
            }
        }
        .filter(|left| !left.is_zero())
    }

    /// A call begins; gives what [`Breaker::leave`] wants back. `None` when it is turned away after all.
    pub(super) fn begin_call(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        let due = match state.phase {
            Phase::Closed => return Some(state.epoch),
            Phase::HalfOpen { since, begun, well } if begun < self.config.probes => {
                state.phase = Phase::HalfOpen { since, begun: begun + 1, well };
                return Some(state.epoch);
            }
            Phase::Open { until } => until,
            // The probes do not end: others may try.
            Phase::HalfOpen { since, .. } => since + self.open(),
        };
        if now < due {
            return None;
        }
        state.change(Phase::HalfOpen { since: now, begun: 1, well: 0 });
        Some(state.epoch)
    }

    /// A call has ended well or badly, or with an unknown outcome.
    pub(super) fn leave(&self, epoch: u64, bad: Option<bool>, now: Instant) -> Option<Change> {
        let mut state = self.state.lock();
        if state.epoch != epoch {
            return None;
        }
        match (state.phase, bad) {
            (Phase::Closed, Some(bad)) => {
                state.ended.add(now, CALLS);
                if bad {
                    state.ended.add(now, BAD);
                }
                if !self.must_open(&mut state.ended, now) {
                    return None;
                }
            }
            (Phase::HalfOpen { since, begun, well }, Some(false)) => {
                if well + 1 == self.config.probes {
                    state.change(Phase::Closed);
                    return Some(Change::Closed);
                }
                state.phase = Phase::HalfOpen { since, begun, well: well + 1 };
                return None;
            }
            (Phase::HalfOpen { .. }, Some(true)) => {}
            (Phase::HalfOpen { since, begun, well }, None) => {
                state.phase = Phase::HalfOpen { since, begun: begun - 1, well };
                return None;
            }
            (Phase::Closed, None) | (Phase::Open { .. }, _) => return None,
        }
        state.change(Phase::Open { until: now + self.open() });
        Some(Change::Opened)
    }

    fn open(&self) -> Duration {
        Duration::from_millis(self.config.open_ms)
    }

    fn must_open(&self, ended: &mut Window<2>, now: Instant) -> bool {
        let [calls, bad] = ended.sums(now);
        let of = match self.config.on {
            BreakerKind::SlowRatio | BreakerKind::ErrorRatio => f64::from(calls),
            BreakerKind::ErrorCount => 1.0,
        };
        calls >= self.config.calls_min && f64::from(bad) >= self.config.threshold * of
    }
}

impl PhaseAndCounts {
    fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
        self.ended.clear();
    }
}
