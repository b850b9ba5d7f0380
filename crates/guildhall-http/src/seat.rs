//! The current wait of a connection, and its deadline.

use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::limits::Limits;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// For the first byte of its first request.
    Fresh,
    /// For the end of a request's head.
    Head,
    /// For the body of a request.
    Body,
    /// For the service.
    Working,
    /// For the time at which the answer may be sent.
    Held(Duration),
    /// For the client to take the answer.
    Sending,
    /// For the first byte of the next request.
    Idle,
}

/// How much later the deadline of a connection is than that of its request: the request's own comes first, and is answered.
const SLACK: Duration = Duration::from_secs(1);

/// What one connection waits for. Its task changes it; others read it to find a connection that can be closed.
pub(crate) struct Seat {
    env: Env,
    head: Duration,
    request: Duration,
    idle: Duration,
    wait: Mutex<Wait>,
    /// Cancelled when another connection takes this one's place.
    pub(crate) given_up: CancellationToken,
}

#[derive(Clone, Copy)]
struct Wait {
    phase: Phase,
    since: Instant,
    deadline: Instant,
}

impl Seat {
    pub(crate) fn new(env: Env, limits: &Limits) -> Self {
        let now = env.now();
        let wait = Wait { phase: Phase::Fresh, since: now, deadline: now + limits.head };
        Self {
            env,
            head: limits.head,
            request: limits.request,
            idle: limits.idle,
            wait: Mutex::new(wait),
            given_up: CancellationToken::new(),
        }
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        let now = self.env.now();
        let limit = match phase {
            Phase::Fresh | Phase::Head => self.head,
            Phase::Body | Phase::Working => self.request + SLACK,
            Phase::Held(hold) => hold + SLACK,
            Phase::Sending => self.request,
            Phase::Idle => self.idle,
        };
        let mut wait = self.wait.lock();
        // The service does not begin the time for the body anew.
        let deadline = match (wait.phase, phase) {
            (Phase::Body, Phase::Working) => wait.deadline,
            _ => now + limit,
        };
        *wait = Wait { phase, since: now, deadline };
    }

    /// Bytes have come.
    pub(crate) fn received(&self) {
        if matches!(self.phase(), Phase::Fresh | Phase::Idle) {
            self.set_phase(Phase::Head);
        }
    }

    /// All that was to be sent is with the socket.
    pub(crate) fn flushed(&self) {
        if self.phase() == Phase::Sending {
            self.set_phase(Phase::Idle);
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.wait.lock().phase
    }

    /// When the connection has waited for too long.
    pub(crate) fn deadline(&self) -> Instant {
        self.wait.lock().deadline
    }

    /// Since when it has waited for its client; `None` while the server has to do something.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        let wait = *self.wait.lock();
        (wait.phase != Phase::Working).then_some(wait.since)
    }
}
