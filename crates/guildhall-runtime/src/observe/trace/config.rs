//! `[trace]`: which calls are followed, and where their spans go.

use guildhall_core::StartError;
use serde::{Deserialize, Serialize};

/// `[trace]`: which calls are followed, and where their spans go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TraceConfig {
    /// `stdout`: JSON, one line per span; empty: nothing is traced, unless the program brings an exporter.
    pub export: String,
    /// Share of the calls from outside that are followed, 0 to 1; those of methods with `trace: true` always are.
    pub sample: f64,
    /// Spans that wait for the exporter; further ones are dropped and counted.
    pub queue_max: usize,
    /// Spans that are exported together.
    pub batch_max: usize,
    /// How long a span waits for others before they are exported, in ms.
    pub flush_ms: u64,
    /// How long the exporter may take for a batch, in ms.
    pub export_ms: u64,
}

impl Default for TraceConfig {
    fn default() -> Self {
        Self {
            export: String::new(),
            sample: 0.01,
            queue_max: 8192,
            batch_max: 512,
            flush_ms: 1_000,
            export_ms: 5_000,
        }
    }
}

impl TraceConfig {
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if !(0.0..=1.0).contains(&self.sample) {
            let sample = self.sample;
            return Err(StartError::new(format!("trace.sample is {sample}; it must be 0 to 1")));
        }
        match self.export.as_str() {
            "" | "stdout" => Ok(()),
            other => Err(StartError::new(format!(
                "trace.export is `{other}`; there is `stdout`, and what the program brings with App::spans"
            ))),
        }
    }

    /// The share that is sampled, of 2^64.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a float that is cast saturates, and a share need not be exact"
    )]
    pub(super) fn threshold(&self) -> u64 {
        (self.sample * u64::MAX as f64) as u64
    }
}
