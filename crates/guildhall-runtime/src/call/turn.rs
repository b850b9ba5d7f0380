//! Parts of turns that actors and lanes share: waiting calls, and turns that panicked or exceeded their limit.

use std::time::Duration;

use guildhall_core::status::reason;
use guildhall_core::{Code, MethodDesc, Status, outside};

use crate::call::reply::ReplyPort;
use crate::call::{Cx, Request};
use crate::observe::counters::Counters;

/// A turn that keeps its worker busy for longer is counted and logged.
const SLOW: Duration = Duration::from_millis(50);

/// A call that waits for its turn.
pub(crate) struct Call {
    /// Its place among the services of an actor type.
    pub(crate) service: usize,
    pub(crate) method: &'static MethodDesc,
    pub(crate) cx: Cx,
    pub(crate) body: Request,
    pub(crate) reply: ReplyPort,
}

impl Call {
    pub(crate) fn overloaded(self, why: String) {
        self.cx.core.counters.overloaded.add(1);
        self.reply.refuse(Code::ResourceExhausted, reason::OVERLOADED, why);
    }

    pub(crate) fn deadlock(self, why: String) {
        self.reply.refuse(Code::FailedPrecondition, reason::DEADLOCK, why);
    }

    /// Its turn has come: whether its caller still waits. One that is late is refused.
    pub(crate) fn is_wanted(&mut self) -> bool {
        if self.reply.is_cancelled() {
            return false;
        }
        let late = self.cx.deadline.is_some_and(|deadline| deadline <= self.cx.core.env.now());
        if late {
            let path = self.method.path;
            let why = format!("the deadline was over before the turn of {path} came");
            self.reply.take().refuse(Code::DeadlineExceeded, reason::EXPIRED, why);
        }
        !late
    }
}

/// How a turn ended that did not return.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    Panicked,
    OverLimit,
}

impl Ended {
    /// Counts it and says it in the log; the status for the caller.
    pub(crate) fn status(self, counters: &Counters, id: &str, method: &str) -> Status {
        let (counter, reason, what) = match self {
            Self::Panicked => (&counters.panics, reason::PANICKED, "panicked"),
            Self::OverLimit => (&counters.turn_limits, reason::TURN_LIMIT, "took too long"),
        };
        counter.add(1);
        tracing::error!(callee = %outside(id), method, "a turn {what}");
        let why = format!("the turn of {method} {what}");
        Status::new(Code::Internal, why).with_reason(reason)
    }
}

/// Counts and logs a poll that kept its worker busy.
pub(crate) fn watch_slow<'a>(
    counters: &Counters,
    id: impl FnOnce() -> &'a str,
    method: &str,
    took: Duration,
) {
    if took >= SLOW {
        counters.slow_turns.add(1);
        let ms = took.as_millis();
        tracing::warn!(callee = %outside(id()), method, ms, "turn blocked its worker");
    }
}
