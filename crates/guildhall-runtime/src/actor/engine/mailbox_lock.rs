//! [`MailboxLock`]: the mailbox of an actor behind its lock, which notes that it was taken. A turn during which nobody has taken it has
//! changed nothing in it, and ends without it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::mailbox::Mailbox;

/// A mailbox behind its lock.
#[derive(Default)]
pub(crate) struct MailboxLock {
    mailbox: Mutex<Mailbox>,
    /// Whether the lock was taken since the actor has become idle.
    touched: AtomicBool,
    /// The end of the last turn that has not taken the lock, in nanoseconds since the first actor of the type came into memory.
    used: AtomicU64,
}

impl MailboxLock {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Mailbox> {
        let mailbox = self.mailbox.lock();
        self.touched.store(true, Ordering::Relaxed);
        mailbox
    }

    /// The actor becomes idle. The lock is held.
    pub(crate) fn rests(&self, _mailbox: &mut Mailbox) {
        self.touched.store(false, Ordering::Relaxed);
    }

    /// Whether nobody has taken the lock since then.
    #[inline]
    pub(crate) fn has_rested(&self) -> bool {
        !self.touched.load(Ordering::Relaxed)
    }

    /// A turn has ended that has not taken the lock.
    #[inline]
    pub(crate) fn used(&self, at: Duration) {
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        self.used.store(nanos, Ordering::Relaxed);
    }

    /// When the last such turn has ended, if there was one.
    pub(crate) fn last_used(&self) -> Option<Duration> {
        let nanos = self.used.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }
}
