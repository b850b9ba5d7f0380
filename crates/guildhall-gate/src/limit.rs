//! Rate limits of a connection, and the reaction to a client that exceeds them.

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

    /// When one more may pass.
    fn next(&self, now: Instant) -> Instant {
        let full = self.empty_at.map_or(now, |at| at.max(now)) + self.each;
        full.checked_sub(self.burst).map_or(now, |at| at.max(now))
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

/// Packets over a limit that are forgiven each second.
const FORGIVEN_PER_S: u32 = 10;

/// What one connection may send. One that sends more is read no faster than its rate, and cut when it goes on all the same.
#[derive(Debug)]
pub(crate) struct Allowance {
    rate: Rate,
    /// Of packets over a limit.
    over: Rate,
    rest: Option<Instant>,
    is_spent: bool,
}

impl Allowance {
    /// At most `per_s` on average and `burst` at once; about `over_max` more, and it is spent.
    pub(crate) fn new(per_s: u32, burst: u32, over_max: u32) -> Self {
        let (rate, over) = (Rate::new(per_s, burst), Rate::new(FORGIVEN_PER_S, over_max));
        Self { rate, over, rest: None, is_spent: false }
    }

    /// Whether one more packet may pass now. If not, the connection is to rest until it might.
    pub(crate) fn pass(&mut self, now: Instant) -> bool {
        let passes = self.rate.pass(now);
        if !passes {
            self.rest = Some(self.rate.next(now));
            self.is_over(now);
        }
        passes
    }

    /// One packet was over a limit.
    pub(crate) fn is_over(&mut self, now: Instant) {
        self.is_spent |= !self.over.pass(now);
    }

    /// Until when nothing more is to be read, once.
    pub(crate) fn take_rest(&mut self) -> Option<Instant> {
        self.rest.take()
    }

    /// Whether the connection is to be cut.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent
    }
}
