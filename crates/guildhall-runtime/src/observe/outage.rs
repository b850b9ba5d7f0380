//! Detects whether the store accepts writes, from the results of round trips and by probes.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;
use parking_lot::Mutex;

/// A pause that calls wait out: a hub that begins anew is back by then.
const PAUSE: Duration = Duration::from_secs(2);
/// Time between two looks of a waiter.
const LOOK: Duration = Duration::from_millis(100);

/// Since when the store takes no writes.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// It has begun, unless it had before; whether it had not.
    pub(crate) fn begin(&self, now: Instant) -> bool {
        let mut since = self.0.lock();
        let begins = since.is_none();
        since.get_or_insert(now);
        begins
    }

    /// It is over; whether there was one.
    pub(crate) fn end(&self) -> bool {
        self.0.lock().take().is_some()
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Whether it has lasted for so long that calls should not wait for its end.
    pub(crate) fn lasts(&self, env: &Env) -> bool {
        self.0.lock().is_some_and(|since| env.now().saturating_duration_since(since) >= PAUSE)
    }

    /// Waits until it has lasted for so long.
    pub(crate) async fn lasted(&self, env: &Env) {
        while !self.lasts(env) {
            env.sleep(LOOK).await;
        }
    }
}
