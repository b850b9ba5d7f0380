//! Rate limits: a leaky bucket, which allows a burst and then a rate.

use std::time::Duration;

use crate::env::Instant;

/// A rate limit: a number per period on average, and a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Time that one takes to leave the bucket; zero: no limit.
    each: Duration,
    /// Time that a full bucket takes to empty.
    burst: Duration,
}

impl Rate {
    /// `count` in each `period`, at once or spread, and `burst` at once (at least one); `count` 0: no limit.
    pub fn new(count: u32, period: Duration, burst: u32) -> Self {
        let each = period.checked_div(count).unwrap_or_default();
        Self { each, burst: each * burst.max(1) }
    }

    /// By how much one fills the bucket, in time.
    pub fn each(self) -> Duration {
        self.each
    }

    /// How full the bucket may be, in time.
    pub fn burst(self) -> Duration {
        self.burst
    }

    /// How long it takes until one more passes, by a bucket that will be empty at `empty_at`; zero: it passes now.
    pub fn wait(self, empty_at: Instant, now: Instant) -> Duration {
        (empty_at.max(now) + self.each).saturating_duration_since(now + self.burst)
    }
}

/// What a [`Rate`] has let through.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: Rate,
    /// `None`: nothing has passed yet.
    empty_at: Option<Instant>,
}

impl Bucket {
    /// An empty bucket.
    pub fn new(rate: Rate) -> Self {
        Self { rate, empty_at: None }
    }

    /// When one more may pass.
    pub fn next(&self, now: Instant) -> Instant {
        now + self.rate.wait(self.empty_at.unwrap_or(now), now)
    }

    /// Whether one more may pass now. If it may, it counts.
    pub fn pass(&mut self, now: Instant) -> bool {
        let empty_at = self.empty_at.unwrap_or(now).max(now);
        let passes = self.rate.wait(empty_at, now).is_zero();
        if passes {
            self.empty_at = Some(empty_at + self.rate.each);
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Bucket, Rate};
    use crate::Env;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_then_so_many_per_second() {
        let env = Env::real();
        let mut bucket = Bucket::new(Rate::new(10, Duration::from_secs(1), 3));
        assert_eq!((0..9).filter(|_| bucket.pass(env.now())).count(), 3);
        assert_eq!(bucket.next(env.now()), env.now() + Duration::from_millis(100));
        env.sleep(Duration::from_millis(250)).await;
        assert_eq!((0..9).filter(|_| bucket.pass(env.now())).count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_zero_is_no_limit() {
        let env = Env::real();
        let mut bucket = Bucket::new(Rate::new(0, Duration::from_secs(1), 0));
        assert!((0..1000).all(|_| bucket.pass(env.now())));
    }
}
