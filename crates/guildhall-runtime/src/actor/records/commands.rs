//! The outcomes of commands of sessions, from which a repetition is answered (rules 29 to 31).
//!
//! Records of `durable` methods are in the actor's row, in the same write as the state; those of others are in memory, and move
//! with the activation. A session without commands costs nothing.

use std::collections::BTreeMap;

use bytes::BytesMut;
use guildhall_core::MethodDesc;
use guildhall_core::env::Instant;
use guildhall_wire::Generation;

use super::answer::{Answer, RECORD_BYTES, no_room};
use super::command::{ActorCall, Command, player};
use super::deduplication::{ReceivedMessages, is_drained};
use super::session::{Record, Session, is_over};
use crate::actor::config::ActorConfig;
use crate::call::Cx;
use crate::call::command::{may_have_run, unknown};

/// The records of one activation. Bounded in bytes, per player and in total, and in age.
#[derive(Default)]
pub(crate) struct Commands {
    /// Sessions by player, the oldest first. Ordered: what is written does not depend on a hash.
    pub(crate) players: BTreeMap<Box<str>, Vec<Session>>,
    /// Bytes of all of them, estimated.
    bytes: usize,
    /// When expired records were last removed.
    cleaned: Option<Instant>,
    /// The sessions in the row, encoded. Sessions that have changed since are appended.
    pub(crate) row: BytesMut,
    /// Length of `row` when it was last encoded as a whole.
    pub(crate) whole: usize,
    /// Bytes of all sessions then, as `bytes` counts them.
    pub(crate) whole_bytes: usize,
    /// Whether `row` has to be encoded anew: it has records that are gone.
    pub(crate) stale: bool,
    /// Players with sessions that have changed since they were encoded.
    pub(crate) changed: Vec<Box<str>>,
    /// The row lacks a record.
    pub(crate) unsaved: bool,
    /// The row lacks a record that is written even if nothing else has changed.
    pub(crate) must_save: bool,
    /// Messages of other actors' outboxes that have run.
    pub(crate) messages: ReceivedMessages,
    /// Bytes of the records in the row, and of those that the next write adds: an upper bound.
    pub(crate) row_bytes: usize,
}

impl Commands {
    /// The answer to a call that must not run, because it has run or may not; `None` when it is to run now.
    pub(crate) fn before(&mut self, call: ActorCall<'_>) -> Option<Answer> {
        let ActorCall { config, env, cx, method } = call;
        if let Some(sender) = cx.sender() {
            let now = env.now();
            let known = self.messages.before(sender, config, now);
            let is_new = known.is_none() && !is_drained(sender) && !self.messages.knows(sender);
            return known.or_else(|| if is_new { self.full(config, now) } else { None });
        }
        let command = Command::of(cx, method)?;
        let now = env.now();
        self.repeat(&command, now).or_else(|| self.refusal(&command, config, now))
    }

    /// The answer to a command that has run.
    fn repeat(&mut self, command: &Command<'_>, now: Instant) -> Option<Answer> {
        let mut low = command.answered();
        let known = self.change(command.session, |known| {
            known.used = now;
            known.forget_below(low);
            let record = known.records.get(command.path);
            (known.answered, record.map(|record| record.repeat(command)))
        });
        if let Some((answered, answer)) = known {
            if answer.is_some() {
                return answer;
            }
            low = answered;
        }
        // A call inside a command may come when that has ended.
        (!command.is_nested() && command.number() < low).then(|| command.gone())
    }

    /// The answer to a command that may not run, or whose record has no room.
    fn refusal(
        &mut self,
        command: &Command<'_>,
        config: &ActorConfig,
        now: Instant,
    ) -> Option<Answer> {
        // Records in memory end with the activation, so the outcome is unknown.
        if may_have_run(command.session, command.method) {
            return Some(Err(unknown(command.method)));
        }
        let over = self.change(command.session, |known| known.over).unwrap_or_default();
        let newest = self.players.get(player(command.session)).and_then(|of| of.last());
        let is_older = newest.is_some_and(|newest| command.session.login() < newest.generation);
        if !command.is_nested() && (over > 0 || is_older) {
            return Some(Err(command.ended(over)));
        }
        if !command.is_recorded() {
            return None;
        }
        let known = self.change(command.session, |known| known.has_room(command, config, now));
        if known == Some(false) {
            let max = config.records_max;
            return Some(no_room(format!(
                "{max} records are kept already (actor.NAME.records_max)"
            )));
        }
        let max = config.peer_bytes_max;
        if self.bytes_of_player(player(command.session)) >= max {
            self.clean(config, now);
            if self.bytes_of_player(player(command.session)) >= max {
                let why = format!("{max} bytes of one player are kept (actor.NAME.peer_bytes_max)");
                return Some(no_room(why));
            }
        }
        if known.is_none() { self.full(config, now) } else { None }
    }

    /// The answer to a new session or sender that has no room.
    fn full(&mut self, config: &ActorConfig, now: Instant) -> Option<Answer> {
        let max = config.records_bytes_max;
        if self.bytes + self.messages.bytes() >= max {
            self.clean(config, now);
        }
        (self.bytes + self.messages.bytes() >= max).then(|| {
            no_room(format!("{max} bytes of records are kept (actor.NAME.records_bytes_max)"))
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the sessions of a player.
    pub(crate) fn bytes_of_player(&self, player: &str) -> usize {
        let sessions = self.players.get(player).into_iter().flatten();
        sessions.map(|session| session.bytes).sum()
    }

    /// Bytes of the record that the row will have of a call of a durable method; 0 without one.
    pub(crate) fn bytes_of(cx: &Cx, method: &'static MethodDesc, answer: &Answer) -> usize {
        if cx.sender().is_some() {
            return RECORD_BYTES;
        }
        let reply = || RECORD_BYTES + answer.as_ref().map_or(0, |body| body.len());
        Command::of(cx, method).map_or(0, |_| reply())
    }

    /// Removes the record of a turn that was taken back.
    pub(crate) fn forget_record(&mut self, cx: &Cx, method: &'static MethodDesc) {
        if let Some(sender) = cx.sender() {
            self.messages.forget_record(sender);
        } else if let Some(command) = Command::of(cx, method) {
            self.change(command.session, |known| known.remove(command.path));
            // What was encoded has it.
            self.stale = true;
        }
    }

    /// A turn has ended: keeps its outcome if it was a command or a message.
    pub(crate) fn record(&mut self, call: ActorCall<'_>, answer: &Answer) {
        let ActorCall { config, env, cx, method } = call;
        if let Some(sender) = cx.sender() {
            let recorded = self.messages.record(sender, answer, env.now());
            self.row_bytes += RECORD_BYTES;
            self.unsaved |= recorded;
            // The sender acts on a refusal: an attempt that comes late must find it. One that was taken and has changed nothing may be
            // taken again.
            self.must_save |= recorded && answer.is_err();
            return;
        }
        let Some(command) = Command::of(cx, method).filter(Command::is_recorded) else { return };
        let (now, durable) = (env.now(), method.durable);
        let session = command.session;
        let record = Record { method: method.id, answer: answer.clone(), durable, at: now };
        let answered = command.answered();
        // Also where nothing is ever saved.
        self.clean(config, now);
        let (player, id) = (player(session), &session.session);
        let gone = self.change_or_begin(player, id, session.login(), now, |known| {
            known.forget_below(answered);
            known.durable |= durable;
            known.insert(command.path.into(), record);
        });
        self.unsaved |= durable || gone;
        self.must_save |= gone;
        if durable {
            self.row_bytes += RECORD_BYTES + answer.as_ref().map_or(0, |body| body.len());
        }
    }

    /// A session has ended, and none of its commands is under way any more.
    pub(crate) fn session_over(&mut self, session: &guildhall_wire::Session, now: Instant) {
        let gone = self.change(session, |known| known.end(now)).unwrap_or_default();
        self.unsaved |= gone;
        // Otherwise the row would have the records until something else changes, which may be never.
        self.must_save |= gone;
    }

    /// The sender has no message under way any more.
    pub(crate) fn drained(&mut self, cx: &Cx) {
        let known = cx.sender().is_some_and(|sender| self.messages.drained(sender));
        self.unsaved |= known;
        // Else the row would have it for as long as the sender is silent, which may be for ever.
        self.must_save |= known;
    }

    /// Time for which the tombstone of a deleted row is kept for its records, in ms.
    pub(crate) fn keep_ms(&self, config: &ActorConfig, now: Instant) -> u64 {
        let durable = self.players.values().flatten().any(|session| session.durable);
        let of_sessions = if durable { config.records_ms } else { 0 };
        of_sessions.max(self.messages.keep_ms(config, now))
    }

    /// Records that were on their way are not in the row.
    pub(crate) fn not_saved(&mut self) {
        self.unsaved = !self.players.is_empty() || !self.messages.is_empty();
        self.must_save = !self.messages.is_empty();
    }

    /// Whether there is a record of the session or the sender of the call.
    pub(crate) fn know(&mut self, cx: &Cx) -> bool {
        if let Some(sender) = cx.sender() {
            return self.messages.knows(sender);
        }
        cx.session().is_some_and(|session| self.change(session, |_| ()).is_some())
    }

    /// Changes a session, which is made if it is new, and ends those of earlier logins. Returns whether the row has records that are
    /// gone now.
    pub(crate) fn change_or_begin(
        &mut self,
        player: &str,
        id: &str,
        generation: Generation,
        now: Instant,
        change: impl FnOnce(&mut Session),
    ) -> bool {
        let mut gone = false;
        let of_player = self.players.entry(player.into()).or_default();
        let at = of_player.iter().position(|session| &*session.id == id);
        let at = at.unwrap_or_else(|| {
            let at = of_player.partition_point(|session| session.generation <= generation);
            let session = Session::new(player, id, generation, now);
            self.bytes += session.bytes;
            of_player.insert(at, session);
            let newest = of_player.last().map_or(generation, |session| session.generation);
            for session in of_player.iter_mut().filter(|session| session.generation < newest) {
                let (bytes, changed) = (session.bytes, session.changed);
                gone |= session.end(now);
                self.bytes = self.bytes + session.bytes - bytes;
                if session.changed && !changed {
                    self.changed.push(player.into());
                }
            }
            at
        });
        let known = &mut of_player[at];
        let (bytes, changed) = (known.bytes, known.changed);
        change(known);
        self.bytes = self.bytes + known.bytes - bytes;
        if known.changed && !changed {
            self.changed.push(player.into());
        }
        gone
    }

    /// Changes a session, if it is known.
    fn change<T>(
        &mut self,
        session: &guildhall_wire::Session,
        change: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        let of_player = self.players.get_mut(player(session))?;
        let known = of_player.iter_mut().find(|known| *known.id == *session.session)?;
        let (bytes, changed) = (known.bytes, known.changed);
        let done = change(known);
        self.bytes = self.bytes + known.bytes - bytes;
        if known.changed && !changed {
            self.changed.push(player(session).into());
        }
        Some(done)
    }

    /// Removes expired records, at most sixteen times per `records_ms`: sessions that have ended, or are silent, for longer than a
    /// copy of a command may still come; calls inside commands that are as old; silent senders.
    pub(crate) fn clean(&mut self, config: &ActorConfig, now: Instant) {
        let kept = config.records();
        if self.cleaned.is_some_and(|at| now < at + kept / 16) {
            return;
        }
        self.cleaned = Some(now);
        self.messages.forget_silent(config, now);
        let (mut bytes, before) = (0, self.bytes);
        self.players.retain(|_, sessions| {
            sessions.retain_mut(|session| {
                session.forget_nested(kept, now);
                let keep = !is_over(session.ended.unwrap_or(session.used), kept, now);
                bytes += if keep { session.bytes } else { 0 };
                keep
            });
            !sessions.is_empty()
        });
        self.bytes = bytes;
        self.stale |= bytes < before;
    }
}
