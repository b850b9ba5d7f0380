//! Settings of limits: `[limits]`, `[limits."game.Role"]` and `[limits."game.Role/PowerUp"]`.

use guildhall_core::Code;
use serde::{Deserialize, Serialize};

/// `[limits]`, `[limits."game.Role"]` and `[limits."game.Role/PowerUp"]`: limits for all methods of the app together (without the
/// framework's own), for the methods of one service, and for one method. A call has to pass all limits that apply to it. Limits are
/// checked at the callee, before a mailbox or a handler. May change at a reload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitConfig {
    /// Number of calls that run or wait in mailboxes; one more is `LIMITED`. 0: no limit.
    pub concurrency: usize,
    /// Rate limits: how many calls may begin in a period.
    pub rates: Vec<RateConfig>,
    /// Circuit breakers: when calls are refused because earlier ones failed or were slow.
    pub breakers: Vec<BreakerConfig>,
}

/// `[[limits.rates]]`: how many calls may begin in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// Number of calls that may begin within `per_ms`; at least 1.
    pub calls: u32,
    /// Period that `calls` refers to, in ms.
    pub per_ms: u64,
    /// Longest delay of a call, in ms. 0: calls may begin together, and one call too many is `LIMITED` at once. Otherwise calls begin
    /// evenly spaced: an early call waits in order for at most this time; a call that would wait longer, or past its deadline, is
    /// `LIMITED` at once.
    pub wait_ms: u64,
    /// Number of delayed calls; one more is `LIMITED`.
    pub waiting_max: usize,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { calls: 0, per_ms: 1000, wait_ms: 0, waiting_max: 1024 }
    }
}

/// `[[limits.breakers]]`: circuit breakers. An open breaker refuses all calls with `BREAKER_OPEN`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Condition that opens the breaker: `slow_ratio`, `error_ratio` or `error_count`.
    pub on: BreakerKind,
    /// Value that opens the breaker: a number of calls for `error_count`, otherwise a share of the calls, above 0 and up to 1. Too
    /// small: single failures stop all calls. Too large: callers keep calling a method that fails.
    pub threshold: f64,
    /// Duration from which a call counts as slow, in ms. Used by `slow_ratio`.
    pub slow_ms: u64,
    /// Time window, in ms: calls that ended within it count. Too small: a short burst opens the breaker. Too large: it reacts late.
    pub per_ms: u64,
    /// Smallest number of calls in the window for the breaker to open. Too small: a few calls decide.
    pub calls_min: u32,
    /// Time that the breaker stays open, in ms; then probe calls are let through. Too small: a failing method gets load again and
    /// again. Too large: a method that has recovered stays refused.
    pub open_ms: u64,
    /// Number of probe calls: the breaker closes when all succeed, and opens again when one fails.
    pub probes: u32,
    /// Status codes that count as errors. The default is the server faults. A call whose caller stopped waiting counts as
    /// `DEADLINE_EXCEEDED`; a call that was cancelled before its deadline does not count.
    pub errors: Vec<String>,
}

/// What opens a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerKind {
    /// The share of calls that are slow.
    SlowRatio,
    /// The share of calls that fail.
    ErrorRatio,
    /// The number of calls that fail.
    ErrorCount,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        // An INVALID_ARGUMENT is the caller's fault, and no reason to turn others away.
        Self {
            on: BreakerKind::ErrorRatio,
            threshold: 0.5,
            slow_ms: 1000,
            per_ms: 1000,
            calls_min: 5,
            open_ms: 5000,
            probes: 1,
            errors: vec![
                "UNKNOWN".into(),
                "DEADLINE_EXCEEDED".into(),
                "INTERNAL".into(),
                "UNAVAILABLE".into(),
                "DATA_LOSS".into(),
            ],
        }
    }
}

impl LimitConfig {
    /// Whether there is nothing to check.
    pub(super) fn is_none(&self) -> bool {
        self.concurrency == 0 && self.rates.is_empty() && self.breakers.is_empty()
    }

    /// What is wrong with the values of the section `name`, if anything.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        let wrong = |knob: &str, want: &str| Err(format!("{name}.{knob} must be {want}"));
        for (n, rate) in self.rates.iter().enumerate() {
            let wrong = |knob| wrong(&format!("rates[{n}].{knob}"), "at least 1");
            match rate {
                RateConfig { calls: 0, .. } => return wrong("calls"),
                RateConfig { per_ms: 0, .. } => return wrong("per_ms"),
                RateConfig { waiting_max: 0, .. } => return wrong("waiting_max"),
                RateConfig { .. } => {}
            }
        }
        for (n, breaker) in self.breakers.iter().enumerate() {
            let wrong = |knob: &str, want: &str| wrong(&format!("breakers[{n}].{knob}"), want);
            let share = breaker.threshold > 0.0 && breaker.threshold <= 1.0;
            match breaker {
                BreakerConfig { on: BreakerKind::ErrorCount, threshold, .. }
                    if !threshold.is_finite() || *threshold < 1.0 =>
                {
                    return wrong("threshold", "a number of calls, at least 1, for error_count");
                }
                BreakerConfig { on: BreakerKind::SlowRatio | BreakerKind::ErrorRatio, .. }
                    if !share =>
                {
                    return wrong("threshold", "a share of calls, above 0 and up to 1");
                }
                BreakerConfig { on: BreakerKind::SlowRatio, slow_ms: 0, .. } => {
                    return wrong("slow_ms", "at least 1");
                }
                BreakerConfig { per_ms: 0, .. } => return wrong("per_ms", "at least 1"),
                BreakerConfig { open_ms: 0, .. } => return wrong("open_ms", "at least 1"),
                BreakerConfig { probes: 0, .. } => return wrong("probes", "at least 1"),
                BreakerConfig { errors, .. } => {
                    if let Some(name) = errors.iter().find(|name| code(name).is_none()) {
                        return wrong("errors", &format!("names of codes; {name:?} is none"));
                    }
                }
            }
        }
        Ok(())
    }
}

impl BreakerConfig {
    /// Whether a call that ended with this code failed.
    pub(super) fn counts(&self, code: Code) -> bool {
        self.errors.iter().any(|name| name == code.name())
    }
}

fn code(name: &str) -> Option<Code> {
    (1..=16).map(Code::from_number).find(|code| code.name() == name)
}
