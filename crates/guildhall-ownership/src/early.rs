//! [`EarlyCalls`]: calls for slots that have not arrived yet. They wait for a bounded time, in their order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::env::Instant;
use parking_lot::Mutex;

use crate::config::OwnershipConfig;

/// Pause between two looks for calls that have waited too long.
const LOOK: Duration = Duration::from_millis(10);

/// A call that may wait for its slot.
pub trait EarlyCall: Send + 'static {
    /// When the caller stops waiting for an answer.
    fn deadline(&self) -> Option<Instant>;

    /// Answers that the slot did not arrive in time, and that the call has not run.
    fn slot_is_late(self);

    /// Answers that too many calls wait, as `why` says, and that the call has not run.
    fn overloaded(self, why: String);
}

/// Calls of one actor type that wait for slots.
pub struct EarlyCalls<C> {
    waiting: Mutex<VecDeque<Waiting<C>>>,
    /// Whether a task looks for calls that have waited too long.
    watched: AtomicBool,
}

struct Waiting<C> {
    slot: u32,
    /// So early that the caller is still told that the call did not run.
    until: Instant,
    call: C,
}

impl<C: EarlyCall> EarlyCalls<C> {
    /// Keeps a call until [`take_slot`](Self::take_slot) takes it, or its time is over.
    pub fn hold(self: &Arc<Self>, env: &Env, config: &OwnershipConfig, slot: u32, call: C) {
        let now = env.now();
        let left = call.deadline().map(|deadline| {
            let left = deadline.saturating_duration_since(now);
            left.saturating_sub((left / 10).max(LOOK * 2))
        });
        let wait = left.map_or(config.hold(), |left| left.min(config.hold()));
        if wait.is_zero() {
            call.slot_is_late();
            return;
        }
        let until = now + wait;
        let mut waiting = self.waiting.lock();
        if waiting.len() >= config.hold_max {
            drop(waiting);
            let max = config.hold_max;
            call.overloaded(format!("{max} calls wait for slots (ownership.hold_max)"));
            return;
        }
        waiting.push_back(Waiting { slot, until, call });
        drop(waiting);
        if !self.watched.swap(true, Ordering::AcqRel) {
            env.spawn("early-calls", Arc::clone(self).watch(env.clone()));
        }
    }

    /// Takes out the calls that wait for a slot, in their order.
    pub fn take_slot(&self, slot: u32) -> Vec<C> {
        self.take_if(|waiting| waiting.slot == slot)
    }

    fn take_if(&self, wanted: impl Fn(&Waiting<C>) -> bool) -> Vec<C> {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            return Vec::new();
        }
        let (taken, left): (VecDeque<_>, VecDeque<_>) = waiting.drain(..).partition(wanted);
        *waiting = left;
        taken.into_iter().map(|waiting| waiting.call).collect()
    }

    async fn watch(self: Arc<Self>, env: Env) {
        loop {
            env.sleep(LOOK).await;
            let now = env.now();
            self.take_if(|waiting| waiting.until <= now).into_iter().for_each(C::slot_is_late);
            let waiting = self.waiting.lock();
            if waiting.is_empty() {
                // With the lock held, so that a call which comes now is seen by the next task.
                self.watched.store(false, Ordering::Release);
                return;
            }
        }
    }
}

impl<C> Default for EarlyCalls<C> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), watched: AtomicBool::new(false) }
    }
}

impl<C> std::fmt::Debug for EarlyCalls<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EarlyCalls").field("waiting", &self.waiting.lock().len()).finish()
    }
}
