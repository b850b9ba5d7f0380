//! [`Live`]: counts the subscriptions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guildhall_core::broker::BrokerError;

/// How many subscriptions one app may have.
pub const SUBSCRIPTIONS_MAX: usize = 65_536;

/// One of the subscriptions that there may be.
pub(super) struct Live(Arc<AtomicUsize>);

impl Live {
    pub(super) fn new(live: &Arc<AtomicUsize>) -> Result<Self, BrokerError> {
        let this = Self(Arc::clone(live));
        if live.fetch_add(1, Ordering::Relaxed) >= SUBSCRIPTIONS_MAX {
            let message = format!("there are {SUBSCRIPTIONS_MAX} subscriptions; drop some");
            return Err(BrokerError { operation: "subscribe", message });
        }
        Ok(this)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
