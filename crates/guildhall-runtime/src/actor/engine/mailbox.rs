//! The mailbox of one actor: its waiting calls, and the data of its next step. [`Agenda`] decides the order.

use std::collections::VecDeque;
use std::sync::Arc;

use guildhall_core::env::Instant;
use guildhall_core::{Env, MethodDesc};
use guildhall_wire::Session;
use parking_lot::Mutex;

use super::agenda::{Agenda, Due, LaterTimes, Step, Waiting};
use super::in_turn::Message;
use super::leave::Ticket;
use super::timers::Timers;
use crate::actor::DeactivateReason;
use crate::actor::config::ActorConfig;
use crate::actor::outbox::{Later, LaterTurn, wall_ms};
use crate::actor::saver::SaveResult;
use crate::actor::waiting_replies::WaitingReplies;
use crate::call::turn::Call;

/// What the actor does next, with its data.
#[allow(clippy::large_enum_variant, reason = "nearly all are calls")]
pub(crate) enum Job {
    Call(Call),
    Timer(usize, Message),
    /// A session has ended that has sent commands to the actor.
    SessionOver(Arc<Session>),
    OwnTurn(Box<LaterTurn>),
    ApplySave(u64, SaveResult),
    Save,
    Tick,
    Activate,
    Deactivate(DeactivateReason),
    /// The slot goes to another app.
    Leave(Ticket),
    /// The slot is another app's.
    LoseSlot,
}

impl Job {
    /// Whether the job reads or writes the actor's state.
    pub(crate) fn needs_rows(&self) -> bool {
        !matches!(self, Self::ApplySave(..) | Self::Leave(_) | Self::LoseSlot)
    }
}

/// A call, the number of a timer whose message waits, or a session that has ended.
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are calls, and a box would be one more allocation for each"
)]
pub(crate) enum Letter {
    Call(Call),
    Timer(u64),
    SessionOver(Arc<Session>),
}

/// Letters in their order.
pub(crate) type Letters = VecDeque<Letter>;

/// Letters for which a new buffer has room. A buffer that has grown to more than four times that is not kept.
const ROOM: usize = 4;

/// Buffers that are kept at a time.
const KEPT: usize = 256;

/// The buffers of mailboxes without letters: an idle actor has none. One for each worker.
#[derive(Default)]
pub(crate) struct Buffers(Mutex<Vec<Letters>>);

impl Buffers {
    fn take(&self) -> Letters {
        self.0.lock().pop().unwrap_or_else(|| VecDeque::with_capacity(ROOM))
    }

    pub(crate) fn give(&self, letters: Letters) {
        let mut kept = self.0.lock();
        if kept.len() < KEPT && letters.capacity() <= 4 * ROOM {
            kept.push(letters);
        }
    }
}

/// What waits for one actor.
#[derive(Default)]
pub(crate) struct Mailbox {
    pub(crate) agenda: Agenda,
    letters: Letters,
    /// The replies of the present or the last activation that wait for commits.
    pub(crate) replies: Option<Arc<WaitingReplies>>,
    rare: Option<Box<Rare>>,
    /// The method of the present turn, for the log.
    pub(crate) method: &'static str,
}

/// What few actors have.
#[derive(Default)]
struct Rare {
    timers: Timers,
    later: Option<Later>,
    saved: Option<(u64, SaveResult)>,
    leave: Option<Ticket>,
}

impl Mailbox {
    /// Calls that wait here: for their turn, or for the commit that their reply needs.
    pub(crate) fn len(&self) -> usize {
        self.letters.len() + self.replies.as_ref().map_or(0, |replies| replies.len())
    }

    fn waiting(&self) -> Waiting {
        let later = self.later();
        Waiting { letters: !self.letters.is_empty(), own_turn: later.is_some_and(Later::has_turn) }
    }

    #[inline]
    pub(crate) fn has_work(&self) -> bool {
        self.agenda.next(self.waiting()).is_some()
    }

    /// Whether it can be forgotten, when the actor is not active.
    pub(crate) fn is_empty(&self) -> bool {
        self.letters.is_empty() && !self.has_work()
    }

    /// Whether a call waits. Messages of timers do not count: they end with the activation.
    pub(crate) fn has_calls(&self) -> bool {
        self.letters.iter().any(|letter| matches!(letter, Letter::Call(_)))
    }

    #[inline]
    pub(crate) fn push(&mut self, call: Call, buffers: &Buffers) {
        if self.letters.capacity() == 0 {
            self.letters = buffers.take();
        }
        self.letters.push_back(Letter::Call(call));
    }

    /// Begins the turn of a call that does not wait here, where nothing else is to be done; whether it does.
    #[inline]
    pub(crate) fn begin_call(&mut self, method: &'static MethodDesc) -> bool {
        let free = !self.agenda.stopped && self.letters.is_empty() && !self.has_work();
        if free {
            self.begins(method);
        }
        free
    }

    /// The turn of a call begins that was not here.
    pub(crate) fn begins(&mut self, method: &'static MethodDesc) {
        self.method = method.path;
        self.agenda.begin(Step::Letter);
    }

    /// A turn has ended that has not been here. Whether the runner looks at the actor early enough.
    #[inline]
    pub(crate) fn used(&mut self, now: Instant) -> bool {
        self.rare.is_none() && self.agenda.used(now)
    }

    pub(crate) fn push_session_over(&mut self, session: Arc<Session>) {
        self.letters.push_back(Letter::SessionOver(session));
    }

    /// The buffer of a mailbox without letters, for [`Buffers::give`].
    #[inline]
    pub(crate) fn take_buffer(&mut self) -> Option<Letters> {
        let unused = self.letters.is_empty() && self.letters.capacity() > 0;
        unused.then(|| std::mem::take(&mut self.letters))
    }

    /// Takes all letters.
    pub(crate) fn take_letters(&mut self) -> Letters {
        std::mem::take(&mut self.letters)
    }

    /// Takes the calls, and leaves the rest.
    pub(crate) fn take_calls(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        if self.letters.is_empty() {
            return calls;
        }
        for letter in self.take_letters() {
            match letter {
                Letter::Call(call) => calls.push(call),
                other => self.letters.push_back(other),
            }
        }
        calls
    }

    /// What the actor does next.
    pub(crate) fn next(&mut self, env: &Env) -> Option<Job> {
        while let Some(step) = self.agenda.next(self.waiting()) {
            if let Some(job) = self.job(step, env) {
                // The end of a session is no use of the actor: it stays as idle as it was.
                if !matches!(job, Job::SessionOver(_)) {
                    self.agenda.begin(step);
                }
                return Some(job);
            }
        }
        None
    }

    /// The data of a step; `None` where it has none after all, and the next step follows.
    fn job(&mut self, step: Step, env: &Env) -> Option<Job> {
        match step {
            Step::ApplySave => {
                let saved = self.rare.as_mut().and_then(|rare| rare.saved.take());
                self.agenda.save_answered = saved.is_some();
                saved.map(|(activation, result)| Job::ApplySave(activation, result))
            }
            Step::LoseSlot => Some(Job::LoseSlot),
            Step::Leave => {
                let ticket = self.rare.as_mut().and_then(|rare| rare.leave.take());
                self.agenda.slot_leaves = ticket.is_some();
                self.method = "deactivate";
                ticket.map(Job::Leave)
            }
            Step::Save => Some(Job::Save),
            Step::Tick => {
                self.method = "tick";
                Some(Job::Tick)
            }
            Step::OwnTurn => {
                let turn = self.later_mut()?.turn(wall_ms(env))?;
                self.method = turn.call().method.path;
                Some(Job::OwnTurn(Box::new(turn)))
            }
            Step::Letter => match self.letters.pop_front()? {
                Letter::Call(call) => {
                    self.method = call.method.path;
                    Some(Job::Call(call))
                }
                Letter::Timer(number) => {
                    let (service, message) = self.timers().begin(number, env.now())?;
                    self.method = message.method.path;
                    Some(Job::Timer(service, message))
                }
                Letter::SessionOver(session) => Some(Job::SessionOver(session)),
            },
            Step::Activate => {
                self.method = "activate";
                Some(Job::Activate)
            }
            Step::Deactivate(reason) => {
                self.method = "deactivate";
                Some(Job::Deactivate(reason))
            }
        }
    }

    /// Puts a job back that cannot be done now. Turns of timers, of the row and of ticks come again, or are over; records of a session
    /// expire.
    pub(crate) fn put_off(&mut self, job: Job) {
        match job {
            Job::Call(call) => self.letters.push_front(Letter::Call(call)),
            Job::Save => self.agenda.put_off(Step::Save),
            Job::Activate => self.agenda.put_off(Step::Activate),
            Job::Deactivate(reason) => self.agenda.put_off(Step::Deactivate(reason)),
            Job::Leave(ticket) => self.leave(ticket),
            Job::Timer(..) | Job::SessionOver(_) | Job::OwnTurn(_) => {}
            Job::Tick | Job::ApplySave(..) | Job::LoseSlot => {}
        }
    }

    /// The actor is to leave with its slot.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        self.agenda.slot_leaves = true;
        self.rare.get_or_insert_default().leave = Some(ticket);
    }

    /// The slot stays here.
    pub(crate) fn stay(&mut self) {
        self.agenda.slot_leaves = false;
        if let Some(rare) = &mut self.rare {
            rare.leave = None;
        }
    }

    /// The store has answered. A late answer to an earlier activation is discarded.
    pub(crate) fn saved(&mut self, activation: u64, result: SaveResult) {
        let saved = &mut self.rare.get_or_insert_default().saved;
        if saved.as_ref().is_none_or(|(present, _)| *present <= activation) {
            *saved = Some((activation, result));
            self.agenda.save_answered = true;
        }
    }

    pub(crate) fn take_saved(&mut self) -> Option<(u64, SaveResult)> {
        self.agenda.save_answered = false;
        self.rare.as_mut()?.saved.take()
    }

    pub(crate) fn timers(&mut self) -> &mut Timers {
        &mut self.rare.get_or_insert_default().timers
    }

    fn later(&self) -> Option<&Later> {
        self.rare.as_ref()?.later.as_ref()
    }

    pub(crate) fn later_mut(&mut self) -> Option<&mut Later> {
        self.rare.as_mut()?.later.as_mut()
    }

    /// An activation begins, with the messages and reminders of its row.
    pub(crate) fn begin_later(&mut self, later: Later) {
        self.rare.get_or_insert_default().later = Some(later);
    }

    /// The activation is over, and with it its timers.
    pub(crate) fn deactivated(&mut self, now: Instant) {
        self.agenda.deactivated(now);
        if let Some(rare) = &mut self.rare {
            rare.timers.clear();
            rare.later = None;
        }
    }

    /// When the runner is to look at the actor, unless it looks earlier in any case.
    pub(crate) fn arm(
        &mut self,
        env: &Env,
        config: &ActorConfig,
        never_idle: bool,
    ) -> Option<Instant> {
        let mut later = LaterTimes { quiet: self.is_quiet(), ..LaterTimes::default() };
        if let Some(rare) = &self.rare {
            later.timer = rare.timers.earliest();
            later.own = rare.later.as_ref().and_then(|later| later.next_at(env));
        }
        self.agenda.arm(config, never_idle, later)
    }

    /// The runner looks at the actor.
    pub(crate) fn on_time(
        &mut self,
        times: (Instant, Instant),
        config: &ActorConfig,
        never_idle: bool,
    ) -> Option<Due> {
        let quiet = self.is_quiet();
        let mut due = self.agenda.on_time(times, config, never_idle, quiet)?;
        let Some(rare) = self.rare.as_mut().filter(|_| due.later) else { return Some(due) };
        while let Some(timer) = rare.timers.pop_due(times.0) {
            self.letters.push_back(Letter::Timer(timer));
            due.work = true;
        }
        if let Some(later) = &mut rare.later {
            later.due = true;
            due.work |= later.reminders.next_ms().is_some();
        }
        Some(due)
    }

    /// Whether nothing waits, and no timer and no message is left.
    fn is_quiet(&self) -> bool {
        let rare = self.rare.as_ref();
        self.letters.is_empty()
            && rare.is_none_or(|rare| {
                rare.timers.len() == 0
                    && rare.later.as_ref().is_none_or(|later| later.outbox.waiting() == 0)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_unless_they_have_grown() {
        let buffers = Buffers::default();
        let mut letters = buffers.take();
        let room = letters.capacity();
        letters.push_back(Letter::Timer(1));
        letters.clear();
        buffers.give(letters);
        assert_eq!((buffers.take().capacity(), buffers.0.lock().len()), (room, 0));
        let mut grown = buffers.take();
        (0..100).for_each(|number| grown.push_back(Letter::Timer(number)));
        buffers.give(grown);
        assert_eq!(buffers.0.lock().len(), 0);
    }
}
