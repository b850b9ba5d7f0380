//! [`Summary`]: exact quantiles of recent values, of which it keeps a bounded number.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::config::MetricsConfig;
use crate::Env;
use crate::env::Instant;

/// The quantiles in the text, in thousandths.
const QUANTILES: [(&str, usize); 3] = [("0.5", 500), ("0.9", 900), ("0.99", 990)];

/// Count, sum and quantiles. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Summary(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    env: Env,
    samples_max: usize,
    window: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    lately: VecDeque<(Instant, f64)>,
    count: u64,
    sum: f64,
}

impl Summary {
    pub(super) fn new(env: &Env, config: &MetricsConfig) -> Self {
        Self(Arc::new(Inner {
            env: env.clone(),
            samples_max: config.summary_samples,
            window: Duration::from_millis(config.summary_window_ms),
            seen: Mutex::default(),
        }))
    }

    /// Counts a value. What is no finite number is ignored: it would spoil the sum for ever.
    pub fn observe(&self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let now = self.0.env.now();
        let mut seen = self.0.seen.lock();
        seen.count += 1;
        seen.sum += value;
        seen.lately.push_back((now, value));
        if seen.lately.len() > self.0.samples_max {
            seen.lately.pop_front();
        }
    }

    /// Calls `visit` with each quantile, which is no number when nothing was observed lately; returns sum and count.
    pub(super) fn read(&self, mut visit: impl FnMut(&'static str, f64)) -> (f64, u64) {
        let now = self.0.env.now();
        let mut seen = self.0.seen.lock();
        seen.lately.retain(|(at, _)| now.saturating_duration_since(*at) <= self.0.window);
        let mut values: Vec<f64> = seen.lately.iter().map(|(_, value)| *value).collect();
        let (sum, count) = (seen.sum, seen.count);
        drop(seen);
        values.sort_by(f64::total_cmp);
        for (quantile, thousandths) in QUANTILES {
            let rank = (values.len() * thousandths).div_ceil(1000);
            visit(quantile, values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN));
        }
        (sum, count)
    }
}
