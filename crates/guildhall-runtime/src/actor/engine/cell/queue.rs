//! When a cell runs: calls come in, it is queued at its worker, and the worker or a caller runs it.
//!
//! A cell is at most once in the queue of its worker.
//!
//! | phase | event | phase |
//! |---|---|---|
//! | `WAITS` | work comes | `QUEUED`, pushed to the runner |
//! | `QUEUED` | the runner pops it | `RUNS` |
//! | `WAITS` | a caller on the worker waits for it alone | `RUNS`, in the poll of the caller |
//! | `RUNS` | work comes | `RUNS_AGAIN` |
//! | `RUNS` | its turns have ended, or wait | `WAITS` |
//! | `RUNS_AGAIN` | its turns have ended, or wait | `QUEUED`, pushed to the runner |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_util::task::{ArcWake, waker_ref};
use guildhall_core::env::Instant;
use guildhall_core::outside;

use super::{Cell, Task};
use crate::actor::Actor;
use crate::actor::engine::runner::{Runnable, Runner};
use crate::actor::services::ActorServices;
use crate::call::turn::{Call, watch_slow};

/// What becomes of a call.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives for a moment, and a box would be one more allocation for each call"
)]
pub(crate) enum Posted {
    Refused,
    Waits,
    /// The cell is in the phase `RUNS`: it runs this call at once, or what waits, from this time on.
    Runs(Option<Call>, Instant),
}

// The phases of a cell in its worker's queue.
pub(super) const WAITS: u8 = 0;
const QUEUED: u8 = 1;
const RUNS: u8 = 2;
const RUNS_AGAIN: u8 = 3;

impl<A: Actor, S: ActorServices<A>> Cell<A, S> {
    /// Accepts a call, or refuses it. A caller that has looked at the clock allows to run it at once, on the worker of the actor and
    /// where that does nothing else.
    pub(crate) fn post(&self, call: Call, at_once: Option<Instant>) -> Posted {
        let cycle = call
            .cx
            .is_in_chain()
            .then(|| self.awaits.lock().problem(call.cx.head.as_deref(), &self.id));
        if let Some(cycle) = cycle.flatten() {
            call.deadlock(cycle);
            return Posted::Refused;
        }
        let claimed = at_once.filter(|_| self.claim());
        let waits = claimed.map_or(Posted::Waits, |now| Posted::Runs(None, now));
        let mut mailbox = self.mailbox.lock();
        let max = self.host.config.mailbox;
        if mailbox.len() >= max {
            drop(mailbox);
            let why = format!("{max} calls wait for {} (actor.{}.mailbox)", self.id, A::NAME);
            call.overloaded(why);
            return claimed.map_or(Posted::Refused, |_| waits);
        }
        if let Some(now) = claimed
            && mailbox.begin_call(call.method)
        {
            return Posted::Runs(Some(call), now);
        }
        mailbox.push(call, &self.runner().buffers);
        waits
    }

    /// Takes the cell into the phase `RUNS` where it does nothing, and belongs to this worker.
    fn claim(&self) -> bool {
        !self.suspended.load(Ordering::Relaxed)
            && self.runner().is_here()
            && self.phase.compare_exchange(WAITS, RUNS, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Goes on with a cell that has accepted a call.
    pub(crate) fn posted(self: &Arc<Self>, posted: Posted) {
        match posted {
            Posted::Refused => {}
            Posted::Waits => self.schedule(),
            Posted::Runs(call, now) => {
                self.run_from(now, call);
            }
        }
    }

    /// Queues the cell at its worker, unless it is queued already.
    pub(crate) fn schedule(self: &Arc<Self>) {
        let next = |phase| match phase {
            WAITS => Some(QUEUED),
            RUNS => Some(RUNS_AGAIN),
            _ => None,
        };
        let queued = self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        if queued == Ok(WAITS) {
            self.push();
        }
    }

    fn push(self: &Arc<Self>) {
        self.runner().push(Arc::clone(self) as Arc<dyn Runnable>);
    }

    pub(super) fn runner(&self) -> &Runner {
        &self.part().runners[self.worker()]
    }

    /// Runs a call or what waits; whether the actor is still in memory afterwards, and the time if that is known.
    fn poll_turns(
        self: &Arc<Self>,
        task: &mut Task<A, S>,
        mut first: Option<Call>,
    ) -> (bool, Option<Instant>) {
        let waker = waker_ref(self);
        let mut cx = Context::from_waker(&waker);
        loop {
            let mut turns = match task.running.take() {
                Some(turns) => turns,
                None if first.is_some() || self.has_work() => {
                    let mut turns = self.host.turn_loop();
                    turns.begin(self, task.idle.take(), first.take());
                    turns
                }
                None => return (task.idle.is_some(), None),
            };
            match catch_unwind(AssertUnwindSafe(|| turns.poll(&mut cx))) {
                Ok(Poll::Ready((active, replied))) => {
                    self.host.recycle(turns);
                    task.idle = active;
                    // Nothing more is to be done, or it is looked for below; what came since has scheduled the cell again.
                    return (task.idle.is_some(), replied);
                }
                Ok(Poll::Pending) => {
                    task.running = Some(turns);
                    return (true, None);
                }
                Err(_) => {
                    // Handlers' panics are caught around them: this one came from a destructor of the game's.
                    tracing::error!(actor = %outside(&self.id), "actor panicked outside a turn");
                    self.core().counters.dropped.add(1);
                    self.deactivated();
                }
            }
        }
    }

    /// Runs a call or what waits, in the phase `RUNS`; returns the time then.
    fn run_from(self: &Arc<Self>, began: Instant, first: Option<Call>) -> Instant {
        let mut task = self.task.lock();
        let (in_memory, replied) = self.poll_turns(&mut task, first);
        let suspended = task.running.is_some();
        drop(task);
        let now = replied.unwrap_or_else(|| self.core().env.now());
        let mut mailbox = self.mailbox.lock();
        mailbox.agenda.ran(now, suspended);
        if suspended {
            self.suspended.store(true, Ordering::Relaxed);
        }
        let method = mailbox.method;
        let (env, config) = (&self.core().env, &self.host.config);
        let due = in_memory.then(|| mailbox.arm(env, config, self.never_idle)).flatten();
        let more = !suspended && mailbox.has_work();
        let unused = mailbox.take_buffer();
        drop(mailbox);
        if let Some(unused) = unused {
            self.runner().buffers.give(unused);
        }
        watch_slow(&self.core().counters, || &self.id, method, began, now);
        if !in_memory && self.host.forget(self) {
            return now;
        }
        if let Some(due) = due {
            self.arm_at(due);
        }
        let again = |phase| Some(if phase == RUNS_AGAIN { QUEUED } else { WAITS });
        let before = self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, again);
        if before == Ok(RUNS_AGAIN) {
            self.push();
        } else if more {
            self.schedule();
        }
        now
    }

    /// Has the runner look at this cell when something is due.
    pub(crate) fn arm(self: &Arc<Self>) {
        let (env, config) = (&self.core().env, &self.host.config);
        let due = self.mailbox.lock().arm(env, config, self.never_idle);
        if let Some(due) = due {
            self.arm_at(due);
        }
    }

    fn arm_at(self: &Arc<Self>, due: Instant) {
        self.runner().arm(due, Arc::downgrade(self) as Weak<dyn Runnable>);
    }
}

impl<A: Actor, S: ActorServices<A>> Runnable for Cell<A, S> {
    fn run(self: Arc<Self>, began: Instant) -> Instant {
        self.phase.store(RUNS, Ordering::Release);
        self.run_from(began, None)
    }

    fn on_time(self: Arc<Self>, now: Instant, armed: Instant) {
        let due = self.mailbox.lock().on_time((now, armed), &self.host.config, self.never_idle);
        let Some(due) = due else { return };
        if due.over_limit {
            self.over_limit.store(true, Ordering::Relaxed);
        }
        if due.work {
            self.schedule();
        }
        self.send_out();
        self.arm();
    }
}

impl<A: Actor, S: ActorServices<A>> ArcWake for Cell<A, S> {
    fn wake_by_ref(this: &Arc<Self>) {
        this.schedule();
    }
}
