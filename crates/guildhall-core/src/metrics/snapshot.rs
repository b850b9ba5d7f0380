//! [`Snapshot`]: the values of a metric, for those who send them elsewhere.

use super::histogram::Histogram;
use super::number::{Counter, Gauge};
use super::summary::Summary;

/// A metric and its values at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// What it counts.
    pub help: String,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// The values of its labels, in their order, with what is counted under them.
    pub series: Vec<(Vec<String>, Value)>,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number that only grows.
    Counter(u64),
    /// A number that goes up and down.
    Gauge(i64),
    /// How many values were in each bucket.
    Histogram {
        /// Upper bound of each bucket, and how many values were in it and not in one before; the last bound is infinite.
        buckets: Vec<(f64, u64)>,
        /// The sum of all values.
        sum: f64,
    },
    /// Quantiles of what was observed lately.
    Summary {
        /// Quantile, and its value; no number where nothing was observed lately.
        quantiles: Vec<(f64, f64)>,
        /// The sum of all values.
        sum: f64,
        /// How many values there were.
        count: u64,
    },
}

/// Something that has a value.
pub(super) trait Valued {
    fn value(&self) -> Value;
}

impl Valued for Counter {
    fn value(&self) -> Value {
        Value::Counter(self.get())
    }
}

impl Valued for Gauge {
    fn value(&self) -> Value {
        Value::Gauge(self.get())
    }
}

impl Valued for Histogram {
    fn value(&self) -> Value {
        let (mut buckets, mut before) = (Vec::new(), 0);
        let (sum, _) = self.read(|bound, count| {
            buckets.push((bound, count - before));
            before = count;
        });
        Value::Histogram { buckets, sum }
    }
}

impl Valued for Summary {
    fn value(&self) -> Value {
        let mut quantiles = Vec::new();
        let (sum, count) = self.read(|quantile, value| {
            quantiles.push((quantile.parse().unwrap_or(f64::NAN), value));
        });
        Value::Summary { quantiles, sum, count }
    }
}
