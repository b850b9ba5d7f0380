//! The runner of a worker: polls the actors that have work, and drives all their timers with one.

use std::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use guildhall_core::Env;
use guildhall_core::env::{Instant, this_thread};
use parking_lot::Mutex;

use super::mailbox::Buffers;

/// Cells that run in a row before other tasks of the worker get their turn.
const BATCH: usize = 64;

/// One actor, as its runner sees it.
pub(crate) trait Runnable: Send + Sync {
    /// Runs from `now` until it waits or has no work left; returns the time then.
    fn run(self: Arc<Self>, now: Instant) -> Instant;
    /// Does what is due at `now`; `armed` is the time it had asked for.
    fn on_time(self: Arc<Self>, now: Instant, armed: Instant);
}

/// The cells of one worker that have work, and the times at which the others have.
#[derive(Default)]
pub(crate) struct Runner {
    /// The thread that has polled it last: that of its worker.
    thread: AtomicUsize,
    ready: Mutex<VecDeque<Arc<dyn Runnable>>>,
    waker: AtomicWaker,
    timers: Mutex<Timers>,
    pub(crate) buffers: Buffers,
}

/// The times of cells, the earliest first. Each cell has one, nearly always.
#[derive(Default)]
struct Timers {
    armed: BinaryHeap<Armed>,
    next: u64,
}

/// A cell that is looked at later.
struct Armed {
    at: Instant,
    /// Cells of one time are looked at in the order in which they were armed.
    number: u64,
    cell: Weak<dyn Runnable>,
}

impl Ord for Armed {
    /// The earliest is the greatest: the top of a heap.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Armed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Armed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Armed {}

/// Room for timers that is kept when most of them are over.
const KEPT: usize = 1_024;

impl Runner {
    /// Whether this is asked on the thread of the worker.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.thread.load(Relaxed) == this_thread()
    }

    /// Queues a cell. Each is queued at most once, so there are never more than actors.
    pub(crate) fn push(&self, cell: Arc<dyn Runnable>) {
        let mut ready = self.ready.lock();
        ready.push_back(cell);
        let first = ready.len() == 1;
        drop(ready);
        if first {
            self.waker.wake();
        }
    }

    /// Calls [`Runnable::on_time`] of a cell at this time.
    pub(crate) fn arm(&self, at: Instant, cell: Weak<dyn Runnable>) {
        let mut timers = self.timers.lock();
        let earliest = timers.armed.peek().is_none_or(|first| at < first.at);
        let number = timers.next;
        timers.next += 1;
        timers.armed.push(Armed { at, number, cell });
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
                () = std::future::poll_fn(|cx| self.poll_ready(cx, &env, next)) => {}
                () = timer => self.on_time(env.now()),
            }
        }
    }

    /// Runs the cells that have work; is ready only when there is an earlier timer than `next`.
    fn poll_ready(&self, cx: &Context<'_>, env: &Env, next: Option<Instant>) -> Poll<()> {
        self.waker.register(cx.waker());
        self.thread.store(this_thread(), Relaxed);
        let mut now = None;
        for _ in 0..BATCH {
            let Some(cell) = self.ready.lock().pop_front() else { return self.poll_time(next) };
            now = Some(cell.run(now.unwrap_or_else(|| env.now())));
        }
        // Other tasks of the worker get their turn; the rest of the cells after them.
        cx.waker().wake_by_ref();
        self.poll_time(next)
    }

    fn poll_time(&self, next: Option<Instant>) -> Poll<()> {
        let earliest = self.earliest();
        if earliest != next && earliest.is_some_and(|at| next.is_none_or(|next| at < next)) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn earliest(&self) -> Option<Instant> {
        self.timers.lock().armed.peek().map(|first| first.at)
    }

    fn on_time(&self, now: Instant) {
        loop {
            let mut timers = self.timers.lock();
            let due = timers.armed.peek_mut().filter(|first| first.at <= now).map(PeekMut::pop);
            let Some(Armed { at, cell, .. }) = due else { return };
            if timers.armed.capacity() > KEPT.max(timers.armed.len() * 4) {
                let kept = timers.armed.len() * 2;
                timers.armed.shrink_to(kept);
            }
            drop(timers);
            if let Some(cell) = cell.upgrade() {
                cell.on_time(now, at);
            }
        }
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("ready", &self.ready.lock().len()).finish_non_exhaustive()
    }
}
