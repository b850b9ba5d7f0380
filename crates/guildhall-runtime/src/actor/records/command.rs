//! [`ActorCall`]: a call as the records of its actor see it; [`Command`]: one that is a command of a session, or is made inside one.

use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env, MethodDesc, Status};

use super::answer::Answer;
use crate::actor::config::ActorConfig;
use crate::call::Cx;
use crate::call::command::command_path;

/// A call to an actor, and the limits and the clock of its records.
#[derive(Clone, Copy)]
pub(crate) struct ActorCall<'a> {
    pub(crate) config: &'a ActorConfig,
    pub(crate) env: &'a Env,
    pub(crate) cx: &'a Cx,
    pub(crate) method: &'static MethodDesc,
}

/// A call that is a command, or is made inside one.
pub(crate) struct Command<'a> {
    pub(crate) session: &'a guildhall_wire::Session,
    pub(crate) path: &'a [u64],
    pub(crate) method: &'static MethodDesc,
}

impl<'a> Command<'a> {
    #[inline]
    pub(crate) fn of(cx: &'a Cx, method: &'static MethodDesc) -> Option<Self> {
        let session = cx.session()?;
        let path = command_path(session)?;
        // A method that may run twice needs no record inside a command, and one that is not durable keeps none.
        let recorded = method.durable && !method.idempotent;
        (session.number > 0 || recorded).then_some(Self { session, path, method })
    }

    /// Whether it gets a record. A read may run again: its reply is not worth the memory.
    pub(crate) fn is_recorded(&self) -> bool {
        self.method.durable || !self.method.idempotent
    }

    pub(crate) fn is_nested(&self) -> bool {
        self.path.len() > 1
    }

    /// The client has all replies below this number: never more than the number of this command.
    pub(crate) fn answered(&self) -> u64 {
        self.session.answered.min(self.number())
    }

    pub(crate) fn number(&self) -> u64 {
        self.path.first().copied().unwrap_or_default()
    }

    /// The error of a command whose session is over; `over` is that of the session.
    pub(crate) fn ended(&self, over: u64) -> Status {
        let why = "the session is over: the player has gone, or logged in again";
        let may_have_run = self.session.resent || self.number() < over;
        let effect = if may_have_run { Effect::MayHaveRun } else { Effect::NotRun };
        let status = Status::new(Code::FailedPrecondition, why);
        status.with_reason(reason::KICKED).with_effect(effect)
    }

    pub(crate) fn gone(&self) -> Answer {
        let why = format!("command {} has run, and its reply is gone", self.number());
        let status = Status::new(Code::FailedPrecondition, why).with_reason(reason::REPLY_GONE);
        Err(status.with_effect(Effect::Ran))
    }
}

/// Sessions of one player end each other; a session without a player is its own player.
pub(crate) fn player(session: &guildhall_wire::Session) -> &str {
    if session.player.is_empty() { &session.session } else { &session.player }
}
