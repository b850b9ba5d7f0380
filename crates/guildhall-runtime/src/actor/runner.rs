//! The runner of a worker: polls the actors that have work, and drives all their timers with one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use guildhall_core::Env;
use guildhall_core::env::Instant;
use parking_lot::Mutex;

/// Actors that run between two looks at the rest of the worker's tasks.
const BATCH: usize = 64;

/// One actor, to its runner.
pub(super) trait Runnable: Send + Sync {
    /// Runs until it waits or has no work left.
    fn run(self: Arc<Self>);
    /// Does what is due at `now`; `armed` is the time it had asked for.
    fn on_time(self: Arc<Self>, now: Instant, armed: Instant);
}

/// The actors of one worker that have work, and when the others want to be looked at.
#[derive(Default)]
pub(crate) struct Runner {
    ready: Mutex<VecDeque<Arc<dyn Runnable>>>,
    waker: AtomicWaker,
    timers: Mutex<Timers>,
}

#[derive(Default)]
struct Timers {
    by_time: BTreeMap<(Instant, u64), Weak<dyn Runnable>>,
    next: u64,
}

impl Runner {
    /// Queues an actor. Each is here at most once, so there are never more than actors.
    pub(super) fn push(&self, cell: Arc<dyn Runnable>) {
        let mut ready = self.ready.lock();
        ready.push_back(cell);
        let first = ready.len() == 1;
        drop(ready);
        if first {
            self.waker.wake();
        }
    }

    /// Looks at the actor at this time.
    pub(super) fn arm(&self, at: Instant, cell: Weak<dyn Runnable>) {
        let mut timers = self.timers.lock();
        let earliest = timers.by_time.first_key_value().is_none_or(|((first, _), _)| at < *first);
        let number = timers.next;
        timers.next += 1;
        timers.by_time.insert((at, number), cell);
        drop(timers);
        if earliest {
            self.waker.wake();
        }
    }

    /// Runs the worker's actors until the app ends.
    pub(crate) async fn drive(self: Arc<Self>, env: Env) {
        loop {
            let next = self.earliest();
            let timer = async {
                match next {
                    Some(at) => env.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = std::future::poll_fn(|cx| self.poll_ready(cx, next)) => {}
                () = timer => self.on_time(env.now()),
            }
        }
    }

    /// Runs what is ready; is done only when there is an earlier timer than `next`.
    fn poll_ready(&self, cx: &Context<'_>, next: Option<Instant>) -> Poll<()> {
        self.waker.register(cx.waker());
        for _ in 0..BATCH {
            let Some(cell) = self.ready.lock().pop_front() else { break };
            cell.run();
        }
        if !self.ready.lock().is_empty() {
            cx.waker().wake_by_ref();
        }
        let earliest = self.earliest();
        if earliest != next && earliest.is_some_and(|at| next.is_none_or(|next| at < next)) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn earliest(&self) -> Option<Instant> {
        self.timers.lock().by_time.first_key_value().map(|((at, _), _)| *at)
    }

    fn on_time(&self, now: Instant) {
        loop {
            let mut timers = self.timers.lock();
            match timers.by_time.first_entry() {
                Some(first) if first.key().0 <= now => {
                    let ((armed, _), cell) = first.remove_entry();
                    drop(timers);
                    if let Some(cell) = cell.upgrade() {
                        cell.on_time(now, armed);
                    }
                }
                _ => return,
            }
        }
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("ready", &self.ready.lock().len()).finish_non_exhaustive()
    }
}
