//! A cell that a caller has claimed: it runs the call of its caller in the poll of that, and what the call leads to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Status, outside};

use super::host::Began;
use super::{Cell, Task};
use crate::actor::Actor;
use crate::actor::engine::handler::{Begun, Stage};
use crate::actor::engine::turn_loop::First;
use crate::actor::services::ActorServices;
use crate::call::arrive;
use crate::call::service::{Caller, Claimed, Outcome, Wanted};
use crate::call::turn::{Call, watch_slow};

impl<A: Actor, S: ActorServices<A>> Claimed for Cell<A, S> {
    fn run(
        self: Arc<Self>,
        service: usize,
        is_idle: bool,
        wanted: &Wanted<'_>,
        caller: &mut dyn Caller,
    ) -> Outcome {
        if !is_idle {
            self.run_call(service, wanted, caller);
            return Outcome::Waits;
        }
        let mut task = self.task.lock();
        let began = catch_unwind(AssertUnwindSafe(|| {
            (self.host.turns.at_once)(&self, &mut task.idle, service, wanted, caller)
        }));
        match began {
            Ok(Began::Replied) => {
                drop(task);
                let now = self.core().env.now();
                let took = now.saturating_duration_since(wanted.times.now);
                self.ran_at_once(wanted, now, took);
                Outcome::Replied(took)
            }
            Ok(Began::Not) => {
                drop(task);
                self.run_call(service, wanted, caller);
                Outcome::Waits
            }
            Ok(Began::GoesOn(begun)) => {
                self.goes_on(&mut task, begun);
                let ended = self.end_of_run(&task);
                drop(task);
                self.ran(wanted.times.now, ended);
                Outcome::Waits
            }
            Err(_) => {
                // Handlers' panics are caught around them: this one came from a destructor of the game's.
                tracing::error!(actor = %outside(&self.id), "actor panicked outside a turn");
                self.core().counters.dropped.add(1);
                self.deactivated();
                let ended = self.end_of_run(&task);
                drop(task);
                let now = self.ran(wanted.times.now, ended);
                let took = now.saturating_duration_since(wanted.times.now);
                let why = format!("the turn of {} panicked", wanted.method.path);
                let status = Status::new(Code::Internal, why).with_reason(reason::PANICKED);
                caller.answer(Err(status));
                Outcome::Replied(took)
            }
        }
    }
}

impl<A: Actor, S: ActorServices<A>> Cell<A, S> {
    /// Runs a call as the mailbox would, as the first or after what waits.
    fn run_call(self: &Arc<Self>, service: usize, wanted: &Wanted<'_>, caller: &mut dyn Caller) {
        let (body, reply) = caller.placed();
        let cx = arrive::at_once(wanted, reply.cancel());
        let call = Call { service, method: wanted.method, cx, body, reply };
        let first = self.first_or_later(call);
        self.run_from(wanted.times.now, first);
    }

    /// Returns a call that may run at once; any other one waits, or is refused.
    fn first_or_later(&self, call: Call) -> Option<Call> {
        let mut mailbox = self.mailbox.lock();
        if mailbox.len() >= self.host.config.mailbox {
            drop(mailbox);
            call.overloaded(self.is_full());
            return None;
        }
        if mailbox.begin_call(call.method) {
            return Some(call);
        }
        mailbox.push(call, &self.runner().buffers);
        None
    }

    /// A turn that has begun here is the loop's from now on.
    fn goes_on(self: &Arc<Self>, task: &mut Task<A, S>, begun: Begun<A>) {
        self.mailbox.lock().begins(begun.method);
        let has_ended = matches!(begun.stage, Stage::Ran(..));
        let mut turns = self.host.turn_loop();
        turns.begin(self, None, First::Begun(begun));
        task.running = Some(turns);
        // A handler that waits has this cell's waker.
        if has_ended {
            self.poll_turns(task, None);
        }
    }

    /// A turn has ended that nothing else has noticed.
    fn ran_at_once(self: &Arc<Self>, wanted: &Wanted<'_>, now: Instant, took: Duration) {
        watch_slow(&self.core().counters, || &self.id, wanted.method.path, took);
        if self.mailbox.has_rested() {
            self.mailbox.used(now.saturating_duration_since(self.home.began));
            return self.ends_run(None, false, true);
        }
        let mut mailbox = self.mailbox.lock();
        let due = match mailbox.used(now) {
            true => None,
            false => mailbox.arm(&self.core().env, &self.host.config, self.never_idle),
        };
        let more = mailbox.has_work();
        let is_idle = !more && mailbox.agenda.is_idle_for_calls();
        if is_idle {
            self.mailbox.rests(&mut mailbox);
        }
        drop(mailbox);
        self.ends_run(due, more, is_idle);
    }
}
