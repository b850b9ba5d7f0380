//! [`PresentSession`]: the present lease session of the app, and its deadline by the app's own clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::leases::LeaseSession;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The lease session that the app has now.
#[derive(Default)]
pub(crate) struct PresentSession {
    session: Mutex<Option<Arc<LeaseSession>>>,
    /// Until when, in ns of boot time, what is held is held (rule 5); 0 without a session.
    valid_until: AtomicU64,
    /// The app ends: no session is opened any more.
    closed: AtomicBool,
    /// The backend must be asked at once whether the session lives.
    pub(crate) doubted: Notify,
}

impl PresentSession {
    pub(crate) fn get(&self) -> Option<Arc<LeaseSession>> {
        self.session.lock().clone()
    }

    pub(crate) fn set(&self, session: Option<&Arc<LeaseSession>>) {
        *self.session.lock() = session.cloned();
    }

    /// Whether this is the session that the app has now: what another one was granted does not count any more.
    pub(crate) fn is(&self, session: &LeaseSession) -> bool {
        self.session.lock().as_deref().is_some_and(|present| std::ptr::eq(present, session))
    }

    /// Whether what is held is held, by the app's own clock.
    #[inline]
    pub(crate) fn is_valid(&self, env: &Env) -> bool {
        let now = u64::try_from(env.boot_time().as_nanos()).unwrap_or(u64::MAX);
        now < self.valid_until.load(Ordering::Acquire)
    }

    /// How long what is held is held.
    pub(crate) fn left(&self, env: &Env) -> Duration {
        let until = Duration::from_nanos(self.valid_until.load(Ordering::Acquire));
        until.saturating_sub(env.boot_time())
    }

    pub(crate) fn renewed(&self, session: &LeaseSession) {
        let until = session.valid_until().unwrap_or_default();
        let until = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.valid_until.store(until, Ordering::Release);
        // It may have ended between the two.
        if session.is_over() {
            self.invalidate();
        }
    }

    /// Nothing counts as held any more. Whether it did until now.
    pub(crate) fn invalidate(&self) -> bool {
        self.valid_until.swap(0, Ordering::AcqRel) > 0
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}
