//! What may be asked of an app: `[limits]`, `[limits."game.Role"]` and `[limits."game.Role/PowerUp"]`.

use guildhall_core::Code;
use serde::{Deserialize, Serialize};

/// `[limits]`, `[limits."game.Role"]` and `[limits."game.Role/PowerUp"]`: what may be asked of all methods of the app together (the
/// framework's own aside), of those of one service, and of one method. A call must pass all that it falls under. Checked where the
/// call arrives, before it gets near a mailbox or a handler. May change at a reload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitConfig {
    /// Calls that may run, or wait in mailboxes, at a time; one more is `LIMITED`. 0: no limit.
    pub concurrency: usize,
    /// How many calls may begin in which time.
    pub rates: Vec<RateConfig>,
    /// When nothing is let through for a while.
    pub breakers: Vec<BreakerConfig>,
}

/// `[[limits.rates]]`: how many calls may begin in which time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// Calls that may begin within `per_ms`; at least 1.
    pub calls: u32,
    /// The time that `calls` are for, in ms.
    pub per_ms: u64,
    /// 0: calls may come together, and one too many is `LIMITED` at once. Otherwise they begin evenly spaced, and one that comes
    /// too early is held back, in order, for at most this long, in ms; one that would wait longer, or past its deadline, is
    /// `LIMITED` at once.
    pub wait_ms: u64,
    /// Calls that may be held back at a time; one more is `LIMITED`.
    pub waiting_max: usize,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { calls: 0, per_ms: 1000, wait_ms: 0, waiting_max: 1024 }
    }
}

/// `[[limits.breakers]]`: when nothing is let through for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// What opens it: `slow_ratio`, `error_ratio` or `error_count`.
    pub on: BreakerKind,
    /// How much of that: for `error_count` a number of calls, otherwise a share of them, above 0 and up to 1.
    pub threshold: f64,
    /// A call that takes this long or longer is slow, in ms. For `slow_ratio`.
    pub slow_ms: u64,
    /// Calls that ended within this time count, in ms.
    pub per_ms: u64,
    /// With fewer calls than this in that time it does not open.
    pub calls_min: u32,
    /// How long it stays open, in ms; then some calls are let through to see whether all is well again.
    pub open_ms: u64,
    /// That many: it closes when all of them have gone well, and opens again when one has not.
    pub probes: u32,
    /// The codes that count as errors: by default those that are a server's fault. A call whose caller did not wait any longer is
    /// a `DEADLINE_EXCEEDED`; one that was cancelled earlier counts as nothing.
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
