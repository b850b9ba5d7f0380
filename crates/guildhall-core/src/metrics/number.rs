//! [`Counter`] and [`Gauge`]: one atomic number each.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A number that only grows. Clones are the same one; a default one belongs to no app until it is adopted.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// What was added so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A whole number that goes up and down. Clones are the same one; a default one belongs to no app until it is adopted.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Shows what is counted elsewhere.
    pub fn of(number: Arc<AtomicI64>) -> Self {
        Self(number)
    }

    /// Sets it.
    pub fn set(&self, n: i64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// Adds `n`, which may be negative.
    #[inline]
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds one until what is returned is dropped: for things that live for a while.
    #[must_use = "dropped, it counts no more"]
    pub fn hold(&self) -> GaugeGuard {
        self.add(1);
        GaugeGuard(self.clone())
    }

    /// What it is.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The number itself, for accesses with an order of memory.
    pub(crate) fn number(&self) -> &AtomicI64 {
        &self.0
    }
}

/// One, in a [`Gauge`], until it is dropped.
#[derive(Debug)]
#[must_use = "dropped, it counts no more"]
pub struct GaugeGuard(Gauge);

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}
