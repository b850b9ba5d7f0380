//! `[service.NAME]`: settings of a SERIAL or INTERLEAVED service.

use guildhall_core::StartError;
use guildhall_core::config::Config;
use serde::{Deserialize, Serialize};

/// `[service.NAME]`: a SERIAL or INTERLEAVED service. NAME is its full name, for example `game.Ranking`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceConfig {
    /// SERIAL: calls that may wait. INTERLEAVED: calls that may run. One more is `OVERLOADED`.
    pub queue: usize,
    /// Longest turn, in ms. A turn that exceeds it is ended; its changes so far stay.
    pub turn_limit_ms: u64,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self { queue: 1024, turn_limit_ms: 30_000 }
    }
}

impl ServiceConfig {
    pub(super) fn of(name: &str, config: &Config) -> Result<Self, StartError> {
        let knobs: Self = config.section(&format!("service.{name}"))?;
        let wrong = |knob| {
            let key = format!("service.{name}.{knob}");
            let why = format!("{key} is 0; it must be at least 1");
            Err(StartError::setting(key, why))
        };
        match knobs {
            Self { queue: 0, .. } => wrong("queue"),
            Self { turn_limit_ms: 0, .. } => wrong("turn_limit_ms"),
            knobs => Ok(knobs),
        }
    }
}
