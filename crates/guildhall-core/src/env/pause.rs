//! [`Pause`]: stops the tasks of a simulated app, as SIGSTOP does.

use std::task::{Context, Waker};

use parking_lot::Mutex;

/// Whether a world is paused, and the tasks that are to take their next step when it is not any more.
#[derive(Default)]
pub(super) struct Pause(Mutex<PausedTasks>);

#[derive(Default)]
struct PausedTasks {
    paused: bool,
    /// Counts the pauses.
    number: u64,
    /// In the order in which they were woken: a simulation repeats itself.
    tasks: Vec<Waker>,
}

impl Pause {
    /// Whether a task must not take the step for which it is polled. It is woken at the end of the pause. `held_in` is the
    /// task's own: the pause in which it was held last.
    pub(super) fn holds(&self, cx: &Context<'_>, held_in: &mut u64) -> bool {
        let mut held = self.0.lock();
        if held.paused && *held_in != held.number {
            *held_in = held.number;
            held.tasks.push(cx.waker().clone());
        }
        held.paused
    }

    pub(super) fn begin(&self) {
        let mut held = self.0.lock();
        if !held.paused {
            held.paused = true;
            held.number += 1;
        }
    }

    pub(super) fn end(&self) {
        let tasks = {
            let mut held = self.0.lock();
            held.paused = false;
            std::mem::take(&mut held.tasks)
        };
        tasks.into_iter().for_each(Waker::wake);
    }
}
