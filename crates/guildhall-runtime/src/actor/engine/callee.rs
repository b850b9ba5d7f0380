//! Requests to a cell from turns and other parts of the app: timers, generations, its end; the end of a session.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use guildhall_core::status::reason;
use guildhall_core::{Code, Status};
use guildhall_wire::{Generation, Session};
use parking_lot::Mutex;

use super::agenda::Agenda;
use super::cell::Cell;
use super::in_turn::{InTurn, Message};
use super::shard::Keyed as _;
use crate::actor::key::with_key;
use crate::actor::outbox::DoesLater;
use crate::actor::services::ActorServices;
use crate::actor::{Actor, DeactivateReason};
use crate::call::chain::{Awaits, Callee};
use crate::observe::trace::context::Named;

impl<A: Actor, S: ActorServices<A>> Cell<A, S> {
    /// Tells an actor in memory that a session has ended. Without room in the mailbox, its records expire by time.
    pub(crate) fn session_over(self: &Arc<Self>, session: Arc<Session>) {
        let mut mailbox = self.mailbox.lock();
        let Agenda { active, stopped, .. } = mailbox.agenda;
        if active && !stopped && mailbox.len() < self.host.config.mailbox {
            mailbox.push_session_over(session);
            drop(mailbox);
            self.schedule();
        }
    }
}

impl<A: Actor, S: ActorServices<A>> Named for Cell<A, S> {
    fn id(&self) -> &str {
        &self.id
    }
}

impl<A: Actor, S: ActorServices<A>> Callee for Cell<A, S> {
    fn key(&self) -> Option<&[u8]> {
        Some(self.key_bytes())
    }

    fn awaits(&self) -> &Mutex<Awaits> {
        &self.awaits
    }

    fn is_over_limit(&self) -> bool {
        self.over_limit.load(Ordering::Relaxed)
    }

    fn interface(self: Arc<Self>, wanted: TypeId) -> Option<Box<dyn Any>> {
        if wanted == TypeId::of::<Arc<dyn InTurn>>() {
            return Some(Box::new(self as Arc<dyn InTurn>));
        }
        let later = wanted == TypeId::of::<Arc<dyn DoesLater>>();
        later.then(|| Box::new(self as Arc<dyn DoesLater>) as Box<dyn Any>)
    }
}

impl<A: Actor, S: ActorServices<A>> InTurn for Cell<A, S> {
    fn id(&self) -> &str {
        &self.id
    }

    fn deactivate(&self) {
        // The turn runs, so the cell is looked at again at its end.
        self.mailbox.lock().agenda.close.get_or_insert(DeactivateReason::Asked);
    }

    fn set_timer(self: Arc<Self>, mut message: Message) -> Result<u64, Status> {
        let service = self.host.service(message.method)?;
        if let Some(field) = message.method.key {
            message.body = with_key(&message.body, field, Cell::key(&self));
        }
        let max = self.host.config.timers;
        let mut mailbox = self.mailbox.lock();
        if mailbox.timers().len() >= max {
            drop(mailbox);
            self.core().counters.overloaded.add(1);
            let why = format!("{} has {max} timers (actor.{}.timers)", self.id, A::NAME);
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        let number = mailbox.timers().add(self.core().env.now(), service, message);
        drop(mailbox);
        self.arm();
        Ok(number)
    }

    fn next_generation(&self) -> Result<Generation, Status> {
        // Read together: a slot that was lost and granted again meanwhile has a larger epoch, and the number stays unique.
        match self.host.slots.epoch(self.slot) {
            0 => {
                let why = format!("{} is not owned here just now", self.id);
                Err(Status::not_run(Code::Unavailable, reason::NOT_READY, why))
            }
            epoch => Ok(Generation { epoch, number: self.host.next_number() }),
        }
    }

    fn cancel_timer(&self, number: u64) {
        self.mailbox.lock().timers().cancel(number);
    }
}
