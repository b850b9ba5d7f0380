//! When a cell runs: calls come in, it is queued at its worker, and the worker or a caller runs it.
//!
//! A cell is at most once in the queue of its worker. Who takes it out of `WAITS` or `IDLE` into `RUNS` has it alone.
//!
//! | phase | event | phase |
//! |---|---|---|
//! | `WAITS`, `IDLE` | work comes | `QUEUED`, pushed to the runner |
//! | `QUEUED` | the runner pops it | `RUNS` |
//! | `WAITS`, `IDLE` | a caller on the worker claims it | `RUNS`, in the poll of the caller |
//! | `RUNS` | work comes | `RUNS_AGAIN` |
//! | `RUNS` | its turns have ended, and it is in memory | `IDLE` |
//! | `RUNS` | it waits for something else than a call | `WAITS` |
//! | `RUNS_AGAIN` | its turns have ended, or wait | `QUEUED`, pushed to the runner |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_util::task::{ArcWake, waker_ref};
use guildhall_core::env::Instant;
use guildhall_core::outside;
use guildhall_wire::Head;

use super::{Cell, Task};
use crate::actor::Actor;
use crate::actor::engine::runner::{Runnable, Runner};
use crate::actor::engine::turn_loop::First;
use crate::actor::services::ActorServices;
use crate::call::turn::{Call, watch_slow};

// The phases of a cell in its worker's queue.
pub(super) const WAITS: u8 = 0;
const QUEUED: u8 = 1;
const RUNS: u8 = 2;
const RUNS_AGAIN: u8 = 3;
/// As `WAITS`, of an actor in memory for which nothing waits.
const IDLE: u8 = 4;

impl<A: Actor, S: ActorServices<A>> Cell<A, S> {
    /// Accepts a call, or refuses it; whether the cell is to be scheduled.
    pub(crate) fn post(&self, call: Call) -> bool {
        if let Some(cycle) = self.cycle(call.cx.head.as_deref()) {
            call.deadlock(cycle);
            return false;
        }
        let mut mailbox = self.mailbox.lock();
        if mailbox.len() >= self.host.config.mailbox {
            drop(mailbox);
            call.overloaded(self.is_full());
            return false;
        }
        mailbox.push(call, &self.runner().buffers);
        true
    }

    /// Why a call with this head would wait for itself, if it would.
    pub(crate) fn cycle(&self, head: Option<&Head>) -> Option<String> {
        head.filter(|head| !head.chain.is_empty())?;
        self.awaits.lock().problem(head, &self.id)
    }

    pub(super) fn is_full(&self) -> String {
        let max = self.host.config.mailbox;
        format!("{max} calls wait for {} (actor.{}.mailbox)", self.id, A::NAME)
    }

    /// Takes the cell into the phase `RUNS` where it does nothing, and belongs to this worker. Whether it was in `IDLE`; `None` where
    /// it is not claimed.
    pub(crate) fn claim(&self) -> Option<bool> {
        // Before the look at `suspended`, which is set before the phase.
        let phase = self.phase.load(Ordering::Acquire);
        let free = phase == IDLE || phase == WAITS && !self.suspended.load(Ordering::Relaxed);
        if !free || !self.runner().is_here() {
            return None;
        }
        let claimed = self.phase.compare_exchange(phase, RUNS, Ordering::AcqRel, Ordering::Relaxed);
        claimed.ok().map(|phase| phase == IDLE)
    }

    /// Queues the cell at its worker, unless it is queued already.
    pub(crate) fn schedule(self: &Arc<Self>) {
        let next = |phase| match phase {
            WAITS | IDLE => Some(QUEUED),
            RUNS => Some(RUNS_AGAIN),
            _ => None,
        };
        let queued = self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        if matches!(queued, Ok(WAITS | IDLE)) {
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
    pub(super) fn poll_turns(
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
                    let first = first.take().map_or(First::Mail, First::Call);
                    turns.begin(self, task.idle.take(), first);
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
    pub(super) fn run_from(self: &Arc<Self>, began: Instant, first: Option<Call>) -> Instant {
        let mut task = self.task.lock();
        let (_, replied) = self.poll_turns(&mut task, first);
        let ended = Ended { replied, ..self.end_of_run(&task) };
        drop(task);
        self.ran(began, ended)
    }

    pub(super) fn end_of_run(&self, task: &Task<A, S>) -> Ended {
        let suspended = task.running.is_some();
        Ended { in_memory: suspended || task.idle.is_some(), suspended, replied: None }
    }

    /// The end of a run that has begun then, and of the phase `RUNS`; returns the time.
    pub(super) fn ran(self: &Arc<Self>, began: Instant, ended: Ended) -> Instant {
        let Ended { in_memory, suspended, replied } = ended;
        let now = replied.unwrap_or_else(|| self.core().env.now());
        let mut mailbox = self.mailbox.lock();
        mailbox.agenda.ran(now, suspended);
        self.suspended.store(suspended, Ordering::Relaxed);
        let method = mailbox.method;
        let (env, config) = (&self.core().env, &self.host.config);
        let due = in_memory.then(|| mailbox.arm(env, config, self.never_idle)).flatten();
        let more = !suspended && mailbox.has_work();
        let is_idle = in_memory && !suspended && !more && mailbox.agenda.is_idle_for_calls();
        let unused = mailbox.take_buffer();
        if is_idle {
            self.mailbox.rests(&mut mailbox);
        }
        drop(mailbox);
        if let Some(unused) = unused {
            self.runner().buffers.give(unused);
        }
        watch_slow(&self.core().counters, || &self.id, method, now.duration_since(began));
        if !in_memory && self.host.forget(self) {
            return now;
        }
        self.ends_run(due, more, is_idle);
        now
    }

    /// The end of the phase `RUNS`.
    pub(super) fn ends_run(self: &Arc<Self>, due: Option<Instant>, more: bool, is_idle: bool) {
        if let Some(due) = due {
            self.arm_at(due);
        }
        let then = if is_idle { IDLE } else { WAITS };
        let again = |phase| Some(if phase == RUNS_AGAIN { QUEUED } else { then });
        let before = self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, again);
        if before == Ok(RUNS_AGAIN) {
            self.push();
        } else if more {
            self.schedule();
        }
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

/// How a run has ended.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    /// The actor is still in memory.
    in_memory: bool,
    /// Its turn waits.
    suspended: bool,
    /// The time, if that is known.
    replied: Option<Instant>,
}

impl<A: Actor, S: ActorServices<A>> Runnable for Cell<A, S> {
    fn run(self: Arc<Self>, began: Instant) -> Instant {
        self.phase.store(RUNS, Ordering::Release);
        self.run_from(began, None)
    }

    fn on_time(self: Arc<Self>, now: Instant, armed: Instant) {
        let mut mailbox = self.mailbox.lock();
        if let Some(used) = self.mailbox.last_used() {
            mailbox.agenda.was_used(self.home.began + used);
        }
        let due = mailbox.on_time((now, armed), &self.host.config, self.never_idle);
        drop(mailbox);
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
