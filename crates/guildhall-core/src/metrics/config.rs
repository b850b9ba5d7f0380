//! `[metrics]`: bounds of metrics.

use serde::{Deserialize, Serialize};

/// `[metrics]`: bounds of metrics.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MetricsConfig {
    /// Metrics of an app; one more is an error.
    pub names_max: usize,
    /// Label sets of one metric; further ones share the series `other`.
    pub series_max: usize,
    /// Bytes of a label value; a label set with a longer one goes to the series `other`.
    pub label_bytes_max: usize,
    /// Values that each series of a summary keeps for its quantiles. Too small: quantiles are inaccurate. Too large: memory.
    pub summary_samples: usize,
    /// Time that a value counts in the quantiles of a summary, in ms.
    pub summary_window_ms: u64,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            names_max: 1024,
            series_max: 2048,
            label_bytes_max: 128,
            summary_samples: 1024,
            summary_window_ms: 60_000,
        }
    }
}
