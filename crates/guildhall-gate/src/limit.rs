//! How often a connection may do something: a leaky bucket in 24 bytes.

use std::time::Duration;

use guildhall_core::env::Instant;

/// Lets through so many per second, and a burst of so many at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Time that one takes; zero: no limit.
    each: Duration,
    burst: Duration,
    /// When the bucket is empty again.
    empty_at: Option<Instant>,
}

impl Rate {
    /// At most `per_s` on average, and `burst` at once; `per_s` 0: no limit.
    pub(crate) fn new(per_s: u32, burst: u32) -> Self {
        let each = Duration::from_secs(1).checked_div(per_s).unwrap_or_default();
        Self { each, burst: each * burst.max(1), empty_at: None }
    }

    /// Whether one more may pass now.
    pub(crate) fn pass(&mut self, now: Instant) -> bool {
        let empty_at = self.empty_at.map_or(now, |at| at.max(now)) + self.each;
        let passes = empty_at <= now + self.burst;
        if passes {
            self.empty_at = Some(empty_at);
        }
        passes
    }
}
