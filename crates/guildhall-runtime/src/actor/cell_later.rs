//! The outbox and reminders of one actor in memory: sends messages, schedules reminders, and saves both with the state.

use std::sync::Arc;

use guildhall_core::status::reason;
use guildhall_core::{Code, Status};

use super::Actor;
use super::cell::Cell;
use super::deliver::{Sends, deliver, tell};
use super::key::with_key;
use super::later::{DoesLater, Later, wall_ms};
use super::outbox::{Answered, Drained, Outgoing, OwnCall, Stage};
use super::schedule::Schedule;
use super::services::ActorServices;
use crate::chain::Callee as _;

impl<A: Actor, S: ActorServices<A>> Cell<A, S> {
    /// An activation begins, which does later what its row says.
    pub(super) fn begin_later(&self, later: Later) {
        self.mail.lock().later = Some(Box::new(later));
    }

    /// Does something with what the actor does later; `None` where it never does, as its table has no column for it.
    pub(super) fn with_later<T>(&self, with: impl FnOnce(&mut Later) -> T) -> Option<T> {
        if !self.room.wakes {
            return None;
        }
        self.mail.lock().later.as_deref_mut().map(with)
    }

    /// Sends what is due of the outbox.
    pub(super) fn send_out(self: &Arc<Self>) {
        let now = self.app.env.now();
        let mut mail = self.mail.lock();
        if mail.stopped || !mail.active {
            return;
        }
        let Some(later) = &mut mail.later else { return };
        let due = later.outbox.take_due(now);
        drop(mail);
        for sending in due {
            let me = Arc::clone(self) as Arc<dyn Sends>;
            let sent = deliver(Arc::clone(&self.app), me, sending);
            self.app.env.spawn_on(self.app.workers.get(self.worker), "outbox", sent);
        }
    }

    /// Tells receivers that they may forget this actor's messages.
    pub(super) fn tell(&self, drained: Vec<Drained>) {
        for drained in drained {
            let told = tell(Arc::clone(&self.app), self.id().to_owned(), drained);
            self.app.env.spawn_on(self.app.workers.get(self.worker), "outbox-tell", told);
        }
    }

    fn overloaded(&self, max: usize, knob: &str) -> Status {
        self.app.counters.overloaded.add(1);
        let why = format!("{} has {max} already (actor.{}.{knob})", self.id(), A::NAME);
        Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why)
    }

    /// A call of its own: the actor's own key, and a method that it serves.
    fn own(&self, call: OwnCall) -> Result<OwnCall, Status> {
        self.room.service(call.method)?;
        let body = match call.method.key {
            Some(field) => with_key(&call.body, field, &self.key),
            None => call.body,
        };
        Ok(OwnCall { body, ..call })
    }

    fn later_of<T>(&self, with: impl FnOnce(&mut Later) -> Result<T, Status>) -> Result<T, Status> {
        self.turn_later();
        let done = self.with_later(with).unwrap_or_else(|| {
            let why = format!("{}: its activation is over", self.id());
            Err(Status::not_run(Code::FailedPrecondition, reason::LOST, why))
        });
        self.save_later();
        done
    }
}

impl<A: Actor, S: ActorServices<A>> DoesLater for Cell<A, S> {
    fn send(&self, message: Outgoing) -> Result<u64, Status> {
        let max = self.room.config.outbox_max;
        let now = self.app.env.now();
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
            _ => {
                let why = format!("message {number} of {}: its turn is over", self.id());
                Err(Status::not_run(Code::FailedPrecondition, reason::NO_SUCH_METHOD, why))
            }
        })
    }

    fn remind(&self, name: &str, schedule: Schedule, call: OwnCall) -> Result<(), Status> {
        let call = self.own(call)?;
        let max = self.room.config.reminders_max;
        let first = schedule.first(wall_ms(&self.app.env)).map_err(|why| {
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
        self.turn_later();
        self.with_later(|later| later.reminders.forget(name));
    }
}

impl<A: Actor, S: ActorServices<A>> Sends for Cell<A, S> {
    fn answered(self: Arc<Self>, number: u64, answer: Answered) -> bool {
        let now = self.app.env.now();
        let refused =
            self.with_later(|later| later.outbox.answered(number, answer, now, &self.app.outbox));
        // That of an activation before is of no use: it sends again.
        let Some(refused) = refused else { return false };
        self.save_later();
        // It may be its turn, or its save; and the next message may go.
        self.schedule();
        self.send_out();
        refused
    }
}
