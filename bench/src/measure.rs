//! CPU time per operation, with several callers on one thread.

use std::time::Duration;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// CPU time of all threads of this process so far.
pub(crate) fn cpu() -> Result<Duration> {
    Ok(Duration::try_from(clock_gettime(ClockId::ProcessCPUTime))?)
}

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Nanoseconds of each of `count` operations that took `cpu` together.
#[allow(clippy::cast_precision_loss, reason = "fewer than 2^52")]
pub(crate) fn nanos_each(cpu: Duration, count: u64) -> f64 {
    cpu.as_secs_f64() * 1e9 / count as f64
}
