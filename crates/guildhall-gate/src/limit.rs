//! Rate limits of a connection, and the reaction to a client that exceeds them.

use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::rate::{Bucket, Rate};

/// Lets through `per_s` on average and `burst` at once; `per_s` 0: no limit.
pub(crate) fn per_second(per_s: u32, burst: u32) -> Bucket {
    Bucket::new(Rate::new(per_s, Duration::from_secs(1), burst))
}

/// Packets over a limit that are forgiven each second.
const FORGIVEN_PER_S: u32 = 10;

/// What one connection may send. One that sends more is read no faster than its rate, and cut when it goes on all the same.
#[derive(Debug)]
pub(crate) struct Allowance {
    bucket: Bucket,
    /// Of packets over a limit.
    over: Bucket,
    rest: Option<Instant>,
    is_spent: bool,
}

impl Allowance {
    /// At most `per_s` on average and `burst` at once; about `over_max` more, and it is spent.
    pub(crate) fn new(per_s: u32, burst: u32, over_max: u32) -> Self {
        let (bucket, over) = (per_second(per_s, burst), per_second(FORGIVEN_PER_S, over_max));
        Self { bucket, over, rest: None, is_spent: false }
    }

    /// Whether one more packet may pass now. If not, the connection is to rest until it might.
    pub(crate) fn pass(&mut self, now: Instant) -> bool {
        let passes = self.bucket.pass(now);
        if !passes {
            self.rest = Some(self.bucket.next(now));
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
