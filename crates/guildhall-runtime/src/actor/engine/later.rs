//! The outbox and the reminders of a cell: turns change them, messages go out, and both are saved with the state.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use guildhall_core::status::reason;
use guildhall_core::{Code, Status};

use super::cell::Cell;
use crate::actor::Actor;
use crate::actor::key::with_key;
use crate::actor::outbox::{
    Answered, DoesLater, Drained, Later, Outgoing, OwnCall, Schedule, Sends, Stage, deliver, tell,
    wall_ms,
};
use crate::actor::services::ActorServices;

impl<A: Actor, S: ActorServices<A>> Cell<A, S> {
    /// An activation begins, with the messages and reminders of its row.
    pub(crate) fn begin_later(&self, later: Later) {
        self.mailbox.lock().begin_later(later);
    }

    /// Changes the outbox and reminders; `None` if the actor's table has no column for them.
    pub(crate) fn with_later<T>(&self, with: impl FnOnce(&mut Later) -> T) -> Option<T> {
        if !self.host.wakes {
            return None;
        }
        self.mailbox.lock().later_mut().map(with)
    }

    /// Notes that the turn changes the outbox or the reminders.
    pub(crate) fn turn_later(&self) {
        self.later_turned.store(true, Ordering::Relaxed);
    }

    /// Whether the turn has changed the outbox or the reminders.
    #[inline]
    pub(crate) fn later_turned(&self) -> bool {
        self.later_turned.load(Ordering::Relaxed)
    }

    /// As [`Cell::later_turned`], of a turn that has ended.
    pub(crate) fn end_later_turn(&self) -> bool {
        self.later_turned.swap(false, Ordering::Relaxed)
    }

    /// Sends the messages of the outbox that are due.
    pub(crate) fn send_out(self: &Arc<Self>) {
        if !self.host.wakes {
            return;
        }
        let now = self.core().env.now();
        let mut mailbox = self.mailbox.lock();
        if mailbox.agenda.stopped || !mailbox.agenda.active {
            return;
        }
        let Some(later) = mailbox.later_mut() else { return };
        let due = later.outbox.take_due(now);
        drop(mailbox);
        for sending in due {
            let me = Arc::clone(self) as Arc<dyn Sends>;
            let sent = deliver(Arc::clone(&self.part().outbox), self.cx(), me, sending);
            self.core().env.spawn_on(self.core().workers.get(self.worker()), "outbox", sent);
        }
    }

    /// Tells receivers that they may forget this actor's messages.
    pub(crate) fn tell(&self, drained: Vec<Drained>) {
        for drained in drained {
            let told =
                tell(Arc::clone(&self.part().outbox), self.cx(), String::from(&*self.id), drained);
            self.core().env.spawn_on(self.core().workers.get(self.worker()), "outbox-tell", told);
        }
    }

    fn overloaded(&self, max: usize, knob: &str) -> Status {
        self.core().counters.overloaded.add(1);
        let why = format!("{} has {max} already (actor.{}.{knob})", self.id, A::NAME);
        Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why)
    }

    /// A call of its own: the actor's own key, and a method that it serves.
    fn own(&self, call: OwnCall) -> Result<OwnCall, Status> {
        self.host.service(call.method)?;
        let body = match call.method.key {
            Some(field) => with_key(&call.body, field, self.key()),
            None => call.body,
        };
        Ok(OwnCall { body, ..call })
    }

    fn over(&self) -> Status {
        let why = format!("{}: its activation is over", self.id);
        Status::not_run(Code::FailedPrecondition, reason::LOST, why)
    }

    fn later_of<T>(&self, with: impl FnOnce(&mut Later) -> Result<T, Status>) -> Result<T, Status> {
        if !self.host.wakes {
            let why = format!(
                "{}: the outbox and reminders need `wakes: true` in the option (guildhall.entity) of the actor's first entity",
                self.id
            );
            return Err(Status::not_run(Code::FailedPrecondition, reason::STORE, why));
        }
        self.turn_later();
        let done = self.with_later(with).unwrap_or_else(|| Err(self.over()));
        self.save_later();
        done
    }
}

impl<A: Actor, S: ActorServices<A>> DoesLater for Cell<A, S> {
    fn send(&self, message: Outgoing) -> Result<u64, Status> {
        let max = self.host.config.outbox_max;
        let now = self.core().env.now();
        self.later_of(|later| match later.outbox.letters.len() >= max {
            true => Err(self.overloaded(max, "outbox_max")),
            false => Ok(later.outbox.add(message, now)),
        })
    }

    fn otherwise(&self, number: u64, call: OwnCall) -> Result<(), Status> {
        let call = self.own(call)?;
        self.later_of(|later| match later.outbox.letters.get_mut(&number) {
            Some(letter) if letter.stage == Stage::New => {
                letter.otherwise = Some(call);
                Ok(())
            }
            // The slot was lost during the turn.
            _ => Err(self.over()),
        })
    }

    fn remind(&self, name: &str, schedule: Schedule, call: OwnCall) -> Result<(), Status> {
        let call = self.own(call)?;
        let max = self.host.config.reminders_max;
        let first = schedule.first(wall_ms(&self.core().env)).map_err(|why| {
            let why = format!("reminder `{name}`: {why}");
            Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why)
        })?;
        self.later_of(|later| {
            let reminders = &mut later.reminders;
            if reminders.by_name.len() >= max && !reminders.by_name.contains_key(name) {
                return Err(self.overloaded(max, "reminders_max"));
            }
            reminders.set(name.to_owned(), schedule, call, first);
            Ok(())
        })
    }

    fn forget_reminder(&self, name: &str) {
        if self.with_later(|later| later.reminders.forget(name)).is_some() {
            self.turn_later();
        }
    }
}

impl<A: Actor, S: ActorServices<A>> Sends for Cell<A, S> {
    fn answered(self: Arc<Self>, number: u64, answer: Answered) -> bool {
        let now = self.core().env.now();
        let refused = self.with_later(|later| {
            later.outbox.answered(number, answer, now, &self.part().outbox.config)
        });
        // The message of an earlier activation: the present one sends it again.
        let Some(refused) = refused else { return false };
        self.save_later();
        // Its turn or its save may be due, and the next message may go out.
        self.schedule();
        self.send_out();
        refused
    }
}
