//! Workers: the threads of an app, with one runtime each; a task stays on its worker.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// The workers of an app that runs.
#[derive(Debug)]
pub struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
}

impl Workers {
    /// The caller's runtime alone.
    pub fn current() -> Self {
        Self { handles: vec![Handle::current()], next: AtomicUsize::new(0) }
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// One of them, counted from 0.
    ///
    /// # Panics
    /// When there are no more than `worker`.
    pub fn get(&self, worker: usize) -> &Handle {
        &self.handles[worker]
    }

    /// One after the other, so that each gets as many connections as the others.
    pub fn next(&self) -> Handle {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.handles.len();
        self.handles[at].clone()
    }
}

thread_local! {
    /// Its address tells the threads that live from each other.
    static MARK: u8 = const { 0 };
}

/// A number of the thread that asks, which no other thread has meanwhile. It costs a few instructions.
#[inline]
pub fn this_thread() -> usize {
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

/// Threads that run workers until this is dropped.
#[derive(Debug)]
pub struct Threads {
    stop: CancellationToken,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Threads {
    /// Starts all workers but the first, which is the caller's.
    ///
    /// # Errors
    /// The system has no more threads.
    #[allow(clippy::disallowed_methods, reason = "these threads are the workers")]
    pub fn start(count: usize) -> std::io::Result<(Self, Workers)> {
        let stop = CancellationToken::new();
        let mut workers = Workers::current();
        let mut threads = Vec::new();
        for at in 1..count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            workers.handles.push(runtime.handle().clone());
            let stop = stop.clone();
            let thread = std::thread::Builder::new().name(format!("worker-{at}"));
            threads.push(thread.spawn(move || runtime.block_on(stop.cancelled()))?);
        }
        Ok((Self { stop, threads }, workers))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // It has nothing to say: its tasks' panics were logged where they happened.
            let _panicked = thread.join();
        }
    }
}
