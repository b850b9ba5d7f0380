//! [`Idle`]: when a link that nobody uses is closed.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;

/// Time between the step that takes a link out of use and the one that closes it: calls that were on their way to it have come by then.
const LEAVES: Duration = Duration::from_secs(1);

/// A step towards the end of an idle link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// It is idle: new calls ask for a link again.
    Leave,
    /// It is used again.
    Stay,
    /// It is closed, unless it was asked for since `Leave`.
    Close,
}

/// Watches over one connection that is closed when it is idle. Time is looked at when a timer ends, not per frame.
pub(crate) struct Idle<F> {
    after: Duration,
    since: Instant,
    leaves: bool,
    /// Takes a step; whether it was taken.
    step: F,
}

impl<F: FnMut(Quiet) -> bool> Idle<F> {
    pub(crate) fn new(env: &Env, after: Duration, step: F) -> Self {
        Self { after, since: env.now(), leaves: false, step }
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Instant {
        self.since + if self.leaves { LEAVES } else { self.after }
    }

    /// Whether the link is closed now; `used`: since the last look, or it has calls that wait.
    pub(crate) fn is_over(&mut self, env: &Env, used: bool) -> bool {
        let now = env.now();
        // A clock that was turned back would keep it open for as long.
        self.since = self.since.min(now);
        if used {
            self.stay(now);
        } else if now >= self.next() {
            if !self.leaves {
                self.leaves = (self.step)(Quiet::Leave);
                self.since = now;
            } else if (self.step)(Quiet::Close) {
                return true;
            } else {
                self.stay(now);
            }
        }
        false
    }

    fn stay(&mut self, now: Instant) {
        if std::mem::take(&mut self.leaves) {
            (self.step)(Quiet::Stay);
        }
        self.since = now;
    }
}
