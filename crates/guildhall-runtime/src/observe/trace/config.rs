//! `[trace]`: which calls are traced, and where their spans go.

use guildhall_core::StartError;
use serde::{Deserialize, Serialize};

/// `[trace]`: which calls are traced, and where their spans go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TraceConfig {
    /// `stdout`: JSON, one line per span; empty: no tracing, unless the program provides an exporter.
    pub export: String,
    /// Share of the calls from outside that are traced, 0 to 1; methods with `trace: true` always are. Too large: tracing costs CPU.
    pub sample: f64,
    /// Spans that wait for the exporter; further ones are dropped and counted.
    pub queue_max: usize,
    /// Spans per export.
    pub batch_max: usize,
    /// Longest time that a span waits for others before its export, in ms.
    pub flush_ms: u64,
    /// Longest export of a batch, in ms.
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
            let why = format!("trace.sample is {sample}; it must be 0 to 1");
            return Err(StartError::setting("trace.sample", why));
        }
        match self.export.as_str() {
            "" | "stdout" => Ok(()),
            other => Err(StartError::setting(
                "trace.export",
                format!(
                    "trace.export is `{other}`; there is `stdout`, and what the program brings with App::spans"
                ),
            )),
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
