//! Calls delayed by a rate limit: evenly spaced, in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::config::RateConfig;

/// Lets a call through every so often. One task runs as long as calls are held back.
#[derive(Debug)]
pub(super) struct Queue {
    each: Duration,
    wait: Duration,
    waiting_max: usize,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    /// When the next call may begin.
    next: Option<Instant>,
    waiting: VecDeque<(Instant, oneshot::Sender<()>)>,
    /// Calls that were held back and have not begun yet; no other call overtakes them.
    held: usize,
    /// There is a task.
    works: bool,
}

/// A call's place in the line.
#[derive(Debug)]
pub(super) enum Place {
    /// It begins now.
    First,
    /// It waits for its time.
    Held(Held),
}

/// A call that is held back. Dropped, it leaves the line.
#[derive(Debug)]
pub(super) struct Held {
    queue: Arc<Queue>,
    time: oneshot::Receiver<()>,
}

impl Queue {
    pub(super) fn new(config: &RateConfig) -> Arc<Self> {
        Arc::new(Self {
            each: Duration::from_millis(config.per_ms) / config.calls.max(1),
            wait: Duration::from_millis(config.wait_ms),
            waiting_max: config.waiting_max,
            line: Mutex::default(),
        })
    }

    /// Joins the line; `None` when the call's time would come too late, or the line is full.
    pub(super) fn join(self: &Arc<Self>, env: &Env, deadline: Option<Instant>) -> Option<Place> {
        let now = env.now();
        let mut line = self.line.lock();
        let time = line.next.map_or(now, |next| next.max(now));
        if time > now + self.wait || deadline.is_some_and(|deadline| time >= deadline) {
            return None;
        }
        if time == now && line.held == 0 {
            line.next = Some(time + self.each);
            return Some(Place::First);
        }
        if line.waiting.len() >= self.waiting_max {
            return None;
        }
        line.next = Some(time + self.each);
        let (release, released) = oneshot::channel();
        line.waiting.push_back((time, release));
        line.held += 1;
        if !std::mem::replace(&mut line.works, true) {
            env.spawn("limits", Arc::clone(self).work(env.clone()));
        }
        Some(Place::Held(Held { queue: Arc::clone(self), time: released }))
    }

    /// Releases calls when their time comes, until there are none.
    async fn work(self: Arc<Self>, env: Env) {
        while let Some(time) = self.first() {
            env.sleep_until(time).await;
            let now = env.now();
            let mut line = self.line.lock();
            while line.waiting.front().is_some_and(|(time, _)| *time <= now) {
                if let Some((_, release)) = line.waiting.pop_front() {
                    // One that was cancelled leaves its place empty.
                    let _cancelled = release.send(());
                }
            }
        }
    }

    /// When the first in the line begins; without one the task ends.
    fn first(&self) -> Option<Instant> {
        let mut line = self.line.lock();
        let first = line.waiting.front().map(|(time, _)| *time);
        line.works = first.is_some();
        first
    }
}

impl Held {
    /// Waits until the call may begin. The place in the line is kept until this is dropped. Cancel safe.
    pub(super) async fn wait(&mut self) {
        // Released, or the app was killed, which ends this task too.
        let _killed = (&mut self.time).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.queue.line.lock().held -= 1;
    }
}

#[cfg(test)]
mod tests;
