//! A sliding window of counts, in slices of time.

use std::time::Duration;

use guildhall_core::env::Instant;

/// How finely the interval moves on.
const SLICES: usize = 20;

/// `N` counts over an interval that ends now.
#[derive(Debug)]
pub(super) struct Window<const N: usize> {
    slice: Duration,
    began: Instant,
    /// The present slice, since the beginning.
    at: u128,
    slices: [[u32; N]; SLICES],
    sums: [u32; N],
}

impl<const N: usize> Window<N> {
    pub(super) fn new(per_ms: u64, now: Instant) -> Self {
        let slice = Duration::from_millis(per_ms) / 20;
        Self { slice, began: now, at: 0, slices: [[0; N]; SLICES], sums: [0; N] }
    }

    /// The counts of the interval.
    pub(super) fn sums(&mut self, now: Instant) -> [u32; N] {
        let at = now.saturating_duration_since(self.began).as_nanos() / self.slice.as_nanos();
        for passed in (self.at + 1..=at).rev().take(SLICES) {
            let slice = std::mem::replace(&mut self.slices[place(passed)], [0; N]);
            for (sum, gone) in self.sums.iter_mut().zip(slice) {
                *sum -= gone;
            }
        }
        self.at = self.at.max(at);
        self.sums
    }

    /// Counts one more.
    pub(super) fn add(&mut self, now: Instant, which: usize) {
        self.sums(now);
        // Full, a slice counts no further: the sum must stay that of its slices.
        if self.sums[which] < u32::MAX {
            self.slices[place(self.at)][which] += 1;
            self.sums[which] += 1;
        }
    }

    /// Takes back what was just counted.
    pub(super) fn take_back(&mut self, which: usize) {
        let slice = &mut self.slices[place(self.at)][which];
        if *slice > 0 {
            *slice -= 1;
            self.sums[which] -= 1;
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        (self.slices, self.sums) = ([[0; N]; SLICES], [0; N]);
    }
}

#[allow(clippy::cast_possible_truncation, reason = "it is less than SLICES")]
fn place(slice: u128) -> usize {
    (slice % SLICES as u128) as usize
}
