//! Timers: messages that an actor sends itself later, set with `cx.after` and `cx.every` in its turns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::{Method, Status};

use super::in_turn::{InTurn, Message};
use crate::actor::ActorCx;

/// A handle of an actor timer. Dropping it does not cancel the timer.
#[derive(Clone)]
pub struct Timer {
    actor: Weak<dyn InTurn>,
    number: u64,
}

impl Timer {
    /// Cancels the timer. In a turn of its actor this is exact: no later turn gets its message, even if the message is already in the
    /// mailbox.
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

/// Shortest period of a repeated timer: leaves time for calls.
const PERIOD_MIN: Duration = Duration::from_millis(1);

impl ActorCx {
    /// Sets a timer: after `delay` this actor gets `req` as a call of its own `method`, in a turn of its
    /// own, in order with the calls that wait. The reply is discarded; an error is logged. The key field of `req` is set to the
    /// actor's key.
    ///
    /// A timer lives in memory and ends with the activation. For what must survive a crash use [`ActorCx::remind`], or keep the due time in
    /// the state and set the timer in `activate`. An actor with a timer is not idle.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use guildhall::{ActorCx, Method, Status};
    /// # fn of(cx: &ActorCx, cool: Method<(), ()>) -> Result<(), Status> {
    /// // `cool` is a method of the actor: OvenClient::COOL.
    /// let cooling = cx.after(Duration::from_secs(30), cool, ())?;
    /// // The oven is heated again:
    /// cooling.cancel();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `OVERLOADED`: the actor has `actor.NAME.timers` timers. `NO_SUCH_METHOD`: this actor type does not serve the method.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as a call")]
    pub fn after<Req: prost::Message, Rsp>(
        &self,
        delay: Duration,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Timer, Status> {
        self.set_timer(delay, false, method, &req)
    }

    /// Sets a timer as [`ActorCx::after`] does that repeats every `period`, at least 1 ms. Missed firings are skipped.
    ///
    /// The actor stays in memory until the timer is cancelled, or the actor is deactivated for another reason than being idle. For one
    /// period for all actors of a type use `Actor::tick`, which does not keep actors in memory.
    ///
    /// # Errors
    /// Those of [`ActorCx::after`].
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
        let actor = self.actor::<dyn InTurn>();
        let message =
            Message { method: method.desc, body: req.encode_to_vec().into(), delay, repeats };
        let number = Arc::clone(&actor).set_timer(message)?;
        Ok(Timer { actor: Arc::downgrade(&actor), number })
    }
}

/// Timers by their numbers, which are never used again.
#[derive(Default)]
pub(crate) struct Timers {
    by_number: BTreeMap<u64, Waiting>,
    /// Those that wait for their time; the others' messages wait in the mailbox.
    by_time: BTreeSet<(Instant, u64)>,
    next: u64,
}

struct Waiting {
    at: Instant,
    /// Its place among the services of the actor type.
    service: usize,
    message: Message,
}

impl Timers {
    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Begins a timer now; its number.
    pub(crate) fn add(&mut self, now: Instant, service: usize, message: Message) -> u64 {
        let (number, at) = (self.next, now + message.delay);
        self.next += 1;
        self.by_number.insert(number, Waiting { at, service, message });
        self.by_time.insert((at, number));
        number
    }

    /// Ends a timer, also one whose message waits in the mailbox.
    pub(crate) fn cancel(&mut self, number: u64) {
        if let Some(timer) = self.by_number.remove(&number) {
            self.by_time.remove(&(timer.at, number));
        }
    }

    /// Ends all timers.
    pub(crate) fn clear(&mut self) {
        self.by_number.clear();
        self.by_time.clear();
    }

    /// When the next message comes.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The next timer whose time has come. Its message is for the mailbox.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<u64> {
        let (at, number) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.by_time.pop_first();
        Some(number)
    }

    /// The turn of its message comes: the service and the message, unless the timer was cancelled meanwhile. One that repeats
    /// begins again, so that never two of its messages wait; what it has missed it leaves out.
    pub(crate) fn begin(&mut self, number: u64, now: Instant) -> Option<(usize, Message)> {
        let timer = self.by_number.get_mut(&number)?;
        if !timer.message.repeats {
            return self.by_number.remove(&number).map(|timer| (timer.service, timer.message));
        }
        let in_time = timer.at + timer.message.delay;
        timer.at = if in_time > now { in_time } else { now + timer.message.delay };
        self.by_time.insert((timer.at, number));
        Some((timer.service, timer.message.clone()))
    }
}
