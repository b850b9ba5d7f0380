//! The mailbox of one actor, and the selection of its next step.

use std::collections::VecDeque;
use std::sync::Arc;

use guildhall_core::Env;
use guildhall_core::env::Instant;
use guildhall_core::store::StoreError;
use guildhall_wire::Session;

use super::Why;
use super::held::Held;
use super::later::{Later, LaterTurn, wall_ms};
use super::leave::Ticket;
use super::timers::{Message, Timers};
use crate::turn::Call;

/// What the actor does next.
pub(super) enum Job {
    Call(Call),
    Timer(usize, Message),
    SessionOver(Arc<Session>),
    Later(LaterTurn),
    Saved(u64, SaveResult),
    Save,
    Tick,
    Enter,
    Close(Why),
    /// The slot goes to another app.
    Leave(Ticket),
    /// The slot is another app's.
    Gone,
}

impl Job {
    /// Whether it runs on what the actor knows, or writes it.
    pub(super) fn needs_rows(&self) -> bool {
        !matches!(self, Self::Saved(..) | Self::Leave(_) | Self::Gone)
    }
}

pub(super) type SaveResult = Result<Vec<u64>, StoreError>;

/// What waits in the mailbox.
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are calls, and a box would be one more allocation for each"
)]
pub(super) enum Letter {
    Call(Call),
    /// The message of the timer with this number.
    Timer(u64),
    /// A session has ended that has sent commands here.
    SessionOver(Arc<Session>),
}

#[derive(Default)]
pub(super) struct Mail {
    pub(super) letters: VecDeque<Letter>,
    pub(super) timers: Timers,
    /// Of an active actor whose table has a column for it.
    pub(super) later: Option<Box<Later>>,
    /// The replies that the present activation, or the last one, holds.
    pub(super) held: Option<Arc<Held>>,
    pub(super) saved: Option<(u64, SaveResult)>,
    pub(super) save_due: bool,
    pub(super) tick_due: bool,
    /// It is a resident, and should be active.
    pub(super) enter: bool,
    pub(super) close: Option<Why>,
    /// Its slot is not served here: nothing begins.
    pub(super) stopped: bool,
    pub(super) leave: Option<Ticket>,
    pub(super) gone: bool,
    /// The method whose turn this is, for the log.
    pub(super) method: &'static str,
    pub(super) active: bool,
    /// A letter was opened since `last_used`.
    pub(super) called: bool,
    pub(super) last_used: Option<Instant>,
    pub(super) suspended: Option<Instant>,
    pub(super) save_at: Option<Instant>,
    pub(super) tick_at: Option<Instant>,
    pub(super) armed: Option<Instant>,
}

impl Mail {
    /// Calls that wait here: for their turn, or for the commit that their reply needs.
    pub(super) fn len(&self) -> usize {
        self.letters.len() + self.held.as_ref().map_or(0, |held| held.len())
    }

    pub(super) fn has_work(&self) -> bool {
        let ends = self.leave.is_some() || self.gone || self.saved.is_some();
        let due = self.save_due || self.tick_due || self.enter || self.close.is_some();
        let later = || self.active && self.later.as_ref().is_some_and(|later| later.has_turn());
        ends || (!self.stopped && (due || !self.letters.is_empty() || later()))
    }

    /// Whether it does nothing, and nothing but its idle time is to come.
    pub(super) fn idles(&self) -> bool {
        self.active
            && !self.stopped
            && self.suspended.is_none()
            && self.letters.is_empty()
            && self.timers.len() == 0
            && self.later.as_ref().is_none_or(|later| later.outbox.waiting() == 0)
    }

    /// Takes the calls that wait, and leaves the rest.
    pub(super) fn take_calls(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        for letter in std::mem::take(&mut self.letters) {
            match letter {
                Letter::Call(call) => calls.push(call),
                other => self.letters.push_back(other),
            }
        }
        calls
    }

    /// Puts a job back that cannot be done now.
    pub(super) fn put_off(&mut self, job: Job) {
        match job {
            Job::Call(call) => self.letters.push_front(Letter::Call(call)),
            Job::Save => self.save_due = true,
            Job::Enter => self.enter = true,
            Job::Close(why) => self.close = Some(why),
            Job::Leave(ticket) => self.leave = Some(ticket),
            // They come again, or are over, or are made up for by time.
            Job::SessionOver(_) => {}
            Job::Timer(..) | Job::Later(_) | Job::Tick | Job::Saved(..) | Job::Gone => {}
        }
    }

    /// Letters go before the end, so that all calls that were taken are run.
    pub(super) fn next(&mut self, env: &Env) -> Option<Job> {
        if let Some((activation, result)) = self.saved.take() {
            return Some(Job::Saved(activation, result));
        }
        if std::mem::take(&mut self.gone) {
            return Some(Job::Gone);
        }
        if let Some(ticket) = self.leave.take() {
            self.method = "deactivate";
            return Some(Job::Leave(ticket));
        }
        if self.stopped {
            return None;
        }
        if std::mem::take(&mut self.save_due) {
            return Some(Job::Save);
        }
        if std::mem::take(&mut self.tick_due) {
            self.method = "tick";
            return Some(Job::Tick);
        }
        if self.active
            && let Some(later) = &mut self.later
            && let Some(turn) = later.turn(wall_ms(env))
        {
            self.method = turn.call().method.path;
            self.called = true;
            return Some(Job::Later(turn));
        }
        while let Some(letter) = self.letters.pop_front() {
            let job = match letter {
                Letter::Call(call) => {
                    self.method = call.method.path;
                    Job::Call(call)
                }
                Letter::Timer(number) => {
                    let Some((service, message)) = self.timers.begin(number, env.now()) else {
                        continue;
                    };
                    self.method = message.method.path;
                    Job::Timer(service, message)
                }
                // Nobody has called: it is idle for as long as it was.
                Letter::SessionOver(session) => return Some(Job::SessionOver(session)),
            };
            self.called = true;
            self.close = self.close.filter(|why| !matches!(why, Why::Idle | Why::Missing));
            return Some(job);
        }
        if std::mem::take(&mut self.enter) {
            self.method = "activate";
            return Some(Job::Enter);
        }
        self.method = "deactivate";
        self.close.take().map(Job::Close)
    }
}
