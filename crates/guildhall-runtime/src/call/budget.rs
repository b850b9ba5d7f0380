//! The retry budget: a share of all calls, so that retries do not overload a failing cluster.

use std::sync::atomic::{AtomicI64, Ordering};

/// What a retry costs, in the unit of which each call earns `retry_percent`.
const COST: i64 = 100;

/// How many retries can be saved up.
const SAVED_MAX: i64 = 100;

/// Retries that may still be made.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    saved: AtomicI64,
    per_call: i64,
}

impl RetryBudget {
    /// Full at first: start-up is when retries are needed.
    pub(crate) fn new(retry_percent: u32) -> Self {
        Self { saved: AtomicI64::new(SAVED_MAX * COST), per_call: i64::from(retry_percent) }
    }

    #[inline]
    pub(crate) fn earn(&self) {
        if self.saved.load(Ordering::Relaxed) < SAVED_MAX * COST {
            self.saved.fetch_add(self.per_call, Ordering::Relaxed);
        }
    }

    pub(crate) fn spend(&self) -> bool {
        let take = |saved: i64| (saved >= COST).then(|| saved - COST);
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{RetryBudget, SAVED_MAX};

    #[test]
    fn retries_are_a_tenth_of_calls_once_the_savings_are_spent() {
        let budget = RetryBudget::new(10);
        for _ in 0..SAVED_MAX {
            assert!(budget.spend());
        }
        assert!(!budget.spend());
        (0..100).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
    }
}
