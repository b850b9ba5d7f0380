//! What an actor puts into its outbox: `cx.outbox` inside its turns; and its reminders: `cx.remind`.

use std::sync::{Arc, Weak};

use guildhall_core::status::reason;
use guildhall_core::{Code, Method, MethodDesc, Model, Status};

use super::later::receiver;
use super::outbox::{Outgoing, OwnCall};
use super::schedule::Schedule;
use crate::chain::Callee;
use crate::cx::Cx;

/// A message that a turn has put into the outbox of its actor.
pub struct Message {
    actor: Weak<dyn Callee>,
    number: u64,
}

impl Message {
    /// In the same turn: what runs as a turn of this actor if the receiver refuses, its own `method` with `req`. What the turn
    /// changes, and that the message is done with, are one write. The key field is set to the actor's key.
    ///
    /// A receiver refuses by an error of its handler, and by not being there: `NotFound`, `InvalidArgument`, `Unimplemented`.
    ///
    /// # Errors
    /// `NO_SUCH_METHOD`: the method is of a service that this actor type does not serve, or the turn is over.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as a call")]
    pub fn otherwise<Req: prost::Message, Rsp>(
        self,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<(), Status> {
        let call = OwnCall { method: method.desc, body: req.encode_to_vec().into() };
        let Some(actor) = self.actor.upgrade() else { return Err(outside(method.desc)) };
        actor.later()?.otherwise(self.number, call)
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Cx {
    /// Inside a turn of an actor: sends `req` to another actor, whatever happens to this app, if what the turn changes is saved.
    ///
    /// The message is part of the same write, goes out after it, again and again until the receiver has answered, and takes effect
    /// there once: the receiver remembers it in the same write as what it changes. Messages to one receiver arrive in their order.
    /// What the receiver returns nobody sees; see [`Message::otherwise`] for what it refuses.
    ///
    /// The method is `durable` and its service one of ACTORs. The sender's first entity says `wakes: true`. A turn that deletes its
    /// actor sends too, but what is deleted nobody wakes: should the app die before the answer, the message waits until the actor
    /// exists again.
    ///
    /// # Errors
    /// `OVERLOADED`: `actor.NAME.outbox_max` messages wait. `FailedPrecondition`: the method is not durable, the entity does not
    /// say `wakes`, or this is no turn of an actor. `BAD_KEY`: the request has no key.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as a call")]
    pub fn outbox<Req: prost::Message, Rsp>(
        &self,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Message, Status> {
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
        let actor = self.actor(method)?;
        let number = actor.later()?.send(Outgoing { method, body, key })?;
        Ok(Message { actor: Arc::downgrade(actor), number })
    }

    /// Inside a turn of an actor: at the times of `schedule` it gets `req` as a call of its own `method`, in a turn of its own,
    /// whatever happens to this app, if what the turn changes is saved. One with the same name is replaced; with the same schedule
    /// too it goes on as it was.
    ///
    /// A reminder fires at least once: again, if its turn was not saved. What the turn of a `durable` method changes, and that it
    /// has fired, are one write. Times that were missed, because no app was there, fire once together; [`Cx::firing`] counts them.
    /// The actor need not be in memory. The key field of the request is set to the actor's key.
    ///
    /// # Errors
    /// `OVERLOADED`: the actor has `actor.NAME.reminders_max`. `FailedPrecondition`: its first entity does not say `wakes: true`, or
    /// this is no turn of an actor. `InvalidArgument`: the schedule is none. `NO_SUCH_METHOD`: this actor type does not serve the method.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as a call")]
    pub fn remind<Req: prost::Message, Rsp>(
        &self,
        name: &str,
        schedule: Schedule,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<(), Status> {
        let call = OwnCall { method: method.desc, body: req.encode_to_vec().into() };
        self.actor(method.desc)?.later()?.remind(name, schedule, call)
    }

    /// Inside a turn of an actor: ends a reminder, if it is there. No later turn gets its message.
    pub fn forget_reminder(&self, name: &str) {
        if let Some(Ok(later)) = self.turn.as_ref().map(|actor| actor.later()) {
            later.forget_reminder(name);
        }
    }

    fn actor(&self, method: &'static MethodDesc) -> Result<&Arc<dyn Callee>, Status> {
        self.turn.as_ref().ok_or_else(|| outside(method))
    }
}

fn outside(method: &'static MethodDesc) -> Status {
    let why = format!("{} is asked for later outside of the actor's turns", method.path);
    Status::not_run(Code::FailedPrecondition, reason::NO_SUCH_METHOD, why)
}
