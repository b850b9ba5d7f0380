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

/// The state of one connection; its task changes it, and others read it to find a connection that can go.
pub(crate) struct Seat {
    env: Env,
    head: Duration,
    request: Duration,
    idle: Duration,
    state: Mutex<State>,
    /// Cancelled when another connection takes this one's place.
    pub(crate) given_up: CancellationToken,
}

#[derive(Clone, Copy)]
struct State {
    phase: Phase,
    since: Instant,
    deadline: Instant,
}

impl Seat {
    pub(crate) fn new(env: Env, limits: &Limits) -> Self {
        let now = env.now();
        let state = State { phase: Phase::Fresh, since: now, deadline: now + limits.head };
        Self {
            env,
            head: limits.head,
            request: limits.request,
            idle: limits.idle,
            state: Mutex::new(state),
            given_up: CancellationToken::new(),
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        let now = self.env.now();
        let limit = match phase {
            Phase::Fresh | Phase::Head => self.head,
            Phase::Body | Phase::Working => self.request + SLACK,
            Phase::Held(hold) => hold + SLACK,
            Phase::Sending => self.request,
            Phase::Idle => self.idle,
        };
        let mut state = self.state.lock();
        // The service does not begin the time for the body anew.
        let deadline = match (state.phase, phase) {
            (Phase::Body, Phase::Working) => state.deadline,
            _ => now + limit,
        };
        *state = State { phase, since: now, deadline };
    }

    /// Bytes have come.
    pub(crate) fn received(&self) {
        if matches!(self.phase(), Phase::Fresh | Phase::Idle) {
            self.enter(Phase::Head);
        }
    }

    /// All that was to be sent is with the socket.
    pub(crate) fn flushed(&self) {
        if self.phase() == Phase::Sending {
            self.enter(Phase::Idle);
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    /// When the connection has waited for too long.
    pub(crate) fn deadline(&self) -> Instant {
        self.state.lock().deadline
    }

    /// Since when it has waited for its client; `None` while the server has to do something.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        let state = *self.state.lock();
        (state.phase != Phase::Working).then_some(state.since)
    }
}
