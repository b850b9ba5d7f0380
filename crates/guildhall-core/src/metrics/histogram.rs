//! [`Histogram`]: counts of values per bucket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bounds for times of calls, in seconds: 100 us to 10 s.
pub const SECONDS: [f64; 16] = [
    1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How many values fell below each of some bounds, and their sum. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug)]
struct Buckets {
    bounds: Arc<[f64]>,
    /// One per bound, and one for what is above all.
    counts: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Histogram {
    pub(super) fn new(bounds: &Arc<[f64]>) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Buckets { bounds: Arc::clone(bounds), counts, sum: AtomicU64::new(0) }))
    }

    /// Counts a value. What is no finite number is ignored: it would spoil the sum for ever.
    #[inline]
    pub fn observe(&self, value: f64) {
        self.observe_many(value, 1);
    }

    /// Counts a value that was there `times` times.
    pub fn observe_many(&self, value: f64, times: u64) {
        if !value.is_finite() {
            return;
        }
        let Buckets { bounds, counts, sum } = &*self.0;
        let at = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        if let Some(count) = counts.get(at) {
            count.fetch_add(times, Ordering::Relaxed);
        }
        #[allow(clippy::cast_precision_loss, reason = "a count of what happens at once")]
        let value = value * times as f64;
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        let _never_refused = sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Calls `visit` with each bound, the last one infinite, and how many values were at most that; returns the sum.
    pub(super) fn read(&self, mut visit: impl FnMut(f64, u64)) -> (f64, u64) {
        let mut all = 0;
        let bounds = self.0.bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, count) in bounds.zip(&self.0.counts) {
            all += count.load(Ordering::Relaxed);
            visit(bound, all);
        }
        (f64::from_bits(self.0.sum.load(Ordering::Relaxed)), all)
    }
}
