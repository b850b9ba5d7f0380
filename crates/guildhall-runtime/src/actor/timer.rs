//! What an actor sets a timer with: `cx.after` and `cx.every` inside its turns.

use std::sync::{Arc, Weak};
use std::time::Duration;

use guildhall_core::status::reason;
use guildhall_core::{Code, Method, Status};

use super::timers::Message;
use crate::chain::Callee;
use crate::cx::Cx;

/// A timer of an actor. Dropping it changes nothing.
#[derive(Clone)]
pub struct Timer {
    actor: Weak<dyn Callee>,
    number: u64,
}

impl Timer {
    /// Ends the timer. Inside a turn of its actor this is exact: no later turn gets its message, also where it waits in the
    /// mailbox already.
    pub fn cancel(&self) {
        if let Some(actor) = self.actor.upgrade() {
            actor.cancel_timer(self.number);
        }
    }
}

impl std::fmt::Debug for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let actor = self.actor.upgrade();
        let actor = actor.as_ref().map(|actor| actor.id());
        f.debug_struct("Timer").field("actor", &actor).field("number", &self.number).finish()
    }
}

/// A repeated timer waits at least this long, so that it leaves time for anything else.
const PERIOD_MIN: Duration = Duration::from_millis(1);

impl Cx {
    /// Inside a turn of an actor, `activate` included: after `delay` this actor gets `req` as a call of its own `method`, in a
    /// turn of its own, in order with the calls that wait. Nobody waits for the answer: an error is logged. The key field of the
    /// request is set to the actor's key, whatever it is here.
    ///
    /// A timer lives in memory, and no longer than the activation: what must happen in any case belongs into the state, as the
    /// time when it is due, and `activate` sets the timer again. As long as there is a timer the actor is not idle.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use guildhall_runtime::Cx;
    /// # use guildhall_core::{Method, Status};
    /// # fn of(cx: &Cx, cool: Method<(), ()>) -> Result<(), Status> {
    /// // `cool` is a method of the actor: OvenClient::COOL.
    /// let cooling = cx.after(Duration::from_secs(30), cool, ())?;
    /// // Somebody heats it up again:
    /// cooling.cancel();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `OVERLOADED`: the actor has `actor.NAME.timers` already. `NO_SUCH_METHOD`: the method is of a service that this actor type
    /// does not serve, or this is no turn of an actor.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as a call")]
    pub fn after<Req: prost::Message, Rsp>(
        &self,
        delay: Duration,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Timer, Status> {
        self.set_timer(delay, false, method, &req)
    }

    /// As [`Cx::after`], every `period`, at least 1 ms. A message that is late leaves out the ones that it has made late.
    ///
    /// The actor stays in memory until the timer is cancelled, or the actor is deactivated for another reason than that it is
    /// idle. For the same period in all actors of a type there is `Actor::tick`, which keeps nobody in memory.
    ///
    /// # Errors
    /// As [`Cx::after`].
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as a call")]
    pub fn every<Req: prost::Message, Rsp>(
        &self,
        period: Duration,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Timer, Status> {
        self.set_timer(period.max(PERIOD_MIN), true, method, &req)
    }

    fn set_timer<Req: prost::Message, Rsp>(
        &self,
        delay: Duration,
        repeats: bool,
        method: Method<Req, Rsp>,
        req: &Req,
    ) -> Result<Timer, Status> {
        let method = method.desc;
        let Some(actor) = &self.turn else {
            let why = format!("a timer of {} is set outside of the actor's turns", method.path);
            return Err(Status::not_run(Code::FailedPrecondition, reason::NO_SUCH_METHOD, why));
        };
        let message = Message { method, body: req.encode_to_vec().into(), delay, repeats };
        let number = Arc::clone(actor).set_timer(message)?;
        Ok(Timer { actor: Arc::downgrade(actor), number })
    }
}
