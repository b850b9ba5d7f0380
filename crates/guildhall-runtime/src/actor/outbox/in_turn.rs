//! `cx.outbox` and `cx.remind`: how a turn adds messages and reminders, and learns which firing it is.

use guildhall_core::status::reason;
use guildhall_core::{Code, Method, Model, Status};

use super::later::{DoesLater, receiver};
use super::messages::{Outgoing, OwnCall};
use super::schedule::Schedule;
use crate::actor::ActorCx;
use crate::call::command::Cause;

/// A message in the outbox of an actor, put there by the current turn.
#[derive(Debug)]
pub struct Message<'turn> {
    cx: &'turn ActorCx,
    number: u64,
}

impl Message<'_> {
    /// Sets the call that runs as a turn of this actor if the receiver refuses the message: its own `method` with `req`. The changes of that turn, and the end of the message, are one write. The key field of `req` is set to the
    /// actor's key.
    ///
    /// A receiver refuses by an error of its handler, or by `NotFound`, `InvalidArgument` or `Unimplemented` without running.
    ///
    /// # Errors
    /// `NO_SUCH_METHOD`: this actor type does not serve the method. `LOST`: the activation is over.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as a call")]
    pub fn otherwise<Req: prost::Message, Rsp>(
        self,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<(), Status> {
        let call = OwnCall { method: method.desc, body: req.encode_to_vec().into() };
        self.cx.actor::<dyn DoesLater>().otherwise(self.number, call)
    }
}

impl ActorCx {
    /// Puts a message for another actor into the outbox. It is sent if the changes of the turn are saved, also
    /// after a crash of this app.
    ///
    /// The message is stored in the same write as the changes, and is sent after the commit, repeatedly until the receiver has
    /// answered. It takes effect once: the receiver stores its number in the same write as its own changes. Messages to one receiver
    /// arrive in order. The reply is discarded; see [`Message::otherwise`] for a refusal.
    ///
    /// The method has to be `durable`, of an ACTOR service, and the sender's first entity needs `wakes: true`. A turn that deletes its
    /// actor can send too; but if the app crashes before the answer, the message waits until the actor exists again.
    ///
    /// # Errors
    /// `OVERLOADED`: `actor.NAME.outbox_max` messages wait. `FailedPrecondition`: the method is not durable, or the entity has no `wakes:
    /// true`. `BAD_KEY`: the request has no key.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as a call")]
    pub fn outbox<Req: prost::Message, Rsp>(
        &self,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Message<'_>, Status> {
        let method = method.desc;
        if method.model != Model::Actor || !method.durable || method.oneway {
            let why = format!(
                "{} cannot get messages of an outbox; it has to be `durable: true`, with a reply, of a service with `model: ACTOR`",
                method.path
            );
            return Err(Status::not_run(Code::FailedPrecondition, reason::BAD_REQUEST, why));
        }
        let body: bytes::Bytes = req.encode_to_vec().into();
        let key = receiver(method, &body)?;
        let number = self.actor::<dyn DoesLater>().send(Outgoing { method, body, key })?;
        Ok(Message { cx: self, number })
    }

    /// Sets a reminder. At the times of `schedule` the actor gets `req` as a call of its own `method`, in a
    /// turn of its own, also after a crash of this app. The reminder is saved with the changes of the turn. It replaces one with the
    /// same name; with the same schedule too, that one continues unchanged.
    ///
    /// A reminder fires at least once: again, if its turn was not saved. With a `durable` method, the changes of its turn and the fact
    /// that it has fired are one write. Missed times fire once together; [`ActorCx::firing`] counts them. The actor need not be in memory.
    /// The key field of the request is set to the actor's key.
    ///
    /// # Errors
    /// `OVERLOADED`: the actor has `actor.NAME.reminders_max` reminders. `FailedPrecondition`: its first entity has no `wakes: true`.
    /// `InvalidArgument`: the schedule is invalid. `NO_SUCH_METHOD`: this actor type does not serve
    /// the method.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as a call")]
    pub fn remind<Req: prost::Message, Rsp>(
        &self,
        name: &str,
        schedule: Schedule,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<(), Status> {
        let call = OwnCall { method: method.desc, body: req.encode_to_vec().into() };
        self.actor::<dyn DoesLater>().remind(name, schedule, call)
    }

    /// Removes a reminder, if it exists. No later turn gets its message.
    pub fn forget_reminder(&self, name: &str) {
        self.actor::<dyn DoesLater>().forget_reminder(name);
    }

    /// In a turn of a reminder: the number of the firing, which counts all due times of the schedule, including missed ones. Otherwise
    /// `None`.
    pub fn firing(&self) -> Option<u64> {
        match self.cause.as_deref() {
            Some(Cause::Reminder(firing)) => Some(*firing),
            _ => None,
        }
    }
}
