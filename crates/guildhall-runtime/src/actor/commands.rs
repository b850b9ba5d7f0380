//! Records of commands, so that a repeated command is not run again (rules 29 to 31).
//!
//! Records of `durable` methods are in the actor's row, in the same write as the state; those of others are in memory, and move
//! with the activation. A session without commands costs nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env, MethodDesc, Status};
use guildhall_wire::Generation;

use super::atomic::RECORD_BYTES;
use super::config::ActorConfig;
use super::held::Answer;
use super::records::answer_size;
use super::seen::{Seen, is_drained, no_room};
use crate::command::{command_path, may_have_run, unknown};
use crate::cx::Cx;

/// What a session and a record take beside their names, answers and paths, about, in bytes.
const OVERHEAD: usize = 64;

/// The records of one activation. Bounded in bytes, by player and in all, and in age.
#[derive(Default)]
pub(super) struct Commands {
    /// Sessions by player, the oldest first. Ordered: what is written does not depend on a hash.
    pub(super) players: BTreeMap<Box<str>, Vec<Session>>,
    /// What all of them take, about.
    bytes: usize,
    /// When old ones were last looked for.
    cleaned: Option<Instant>,
    /// What the row has of sessions, encoded; what has changed since it was encoded whole stands behind it.
    pub(super) row: BytesMut,
    /// How long `row` was when it was encoded whole.
    pub(super) whole: usize,
    /// What all sessions took then, as `bytes` says.
    pub(super) whole_bytes: usize,
    /// Whether `row` is to be encoded whole: something in it is gone.
    pub(super) stale: bool,
    /// Players with sessions that have changed since they were encoded.
    pub(super) changed: Vec<Box<str>>,
    /// There is a record for the row that the row does not have.
    pub(super) unsaved: bool,
    /// Among them one that is to be there even if nothing else has changed.
    pub(super) must_save: bool,
    /// Messages of other actors.
    pub(super) seen: Seen,
    /// Bytes of the records in the row, and of those that it will have: no fewer than there will be.
    pub(super) row_bytes: usize,
}

/// A session and its records.
pub(super) struct Session {
    pub(super) id: Box<str>,
    pub(super) generation: Generation,
    /// The client has the replies of all commands with a lower number.
    pub(super) answered: u64,
    /// It has ended: nobody asks for its replies any more, and its commands from this number on have not run. 0: it goes on.
    pub(super) over: u64,
    /// It has had a durable command: the row tells about it.
    pub(super) durable: bool,
    /// By number, and by path for calls inside commands.
    pub(super) records: BTreeMap<Box<[u64]>, Record>,
    /// Of the records, and what holds them.
    bytes: usize,
    /// It has changed since it was encoded for the row.
    pub(super) changed: bool,
    /// When it was last heard of.
    used: Instant,
    /// When it was heard that it has ended.
    ended: Option<Instant>,
}

/// What a command has come to.
pub(super) struct Record {
    /// Id of the method.
    pub(super) method: u32,
    pub(super) answer: Answer,
    pub(super) durable: bool,
    pub(super) at: Instant,
}

/// A call that is a command, or is made inside one.
struct Command<'a> {
    session: &'a guildhall_wire::Session,
    path: &'a [u64],
    method: &'static MethodDesc,
}

impl<'a> Command<'a> {
    #[inline]
    fn of(cx: &'a Cx, method: &'static MethodDesc) -> Option<Self> {
        let session = cx.session()?;
        let path = command_path(session)?;
        // What may run twice needs no record inside a command, nor where nothing is to be kept.
        let recorded = method.durable && !method.idempotent;
        (session.number > 0 || recorded).then_some(Self { session, path, method })
    }

    /// Whether there will be a record of it. A read may run again: its reply is not worth the memory.
    fn is_recorded(&self) -> bool {
        self.method.durable || !self.method.idempotent
    }

    fn is_nested(&self) -> bool {
        self.path.len() > 1
    }

    /// Below which the client has all replies. It has none of commands to come, whatever it says.
    fn answered(&self) -> u64 {
        self.session.answered.min(self.number())
    }

    fn number(&self) -> u64 {
        self.path.first().copied().unwrap_or_default()
    }

    /// Of a session that is over; `over` is what [`Session::over`] says.
    fn ended(&self, over: u64) -> Status {
        let why = "the session is over: the player has gone, or logged in again";
        let may_have_run = self.session.resent || self.number() < over;
        let effect = if may_have_run { Effect::MayHaveRun } else { Effect::NotRun };
        let status = Status::new(Code::FailedPrecondition, why);
        status.with_reason(reason::KICKED).with_effect(effect)
    }

    fn gone(&self) -> Answer {
        let why = format!("command {} has run, and its reply is gone", self.number());
        let status = Status::new(Code::FailedPrecondition, why).with_reason(reason::REPLY_GONE);
        Err(status.with_effect(Effect::Ran))
    }
}

impl Commands {
    /// The answer to a call that must not run, because it has run or may not; `None` when it is to run now.
    #[inline]
    pub(super) fn before(
        &mut self,
        config: &ActorConfig,
        env: &Env,
        cx: &Cx,
        method: &'static MethodDesc,
    ) -> Option<Answer> {
        if let Some(sender) = cx.sender() {
            let now = env.now();
            let known = self.seen.before(sender, config, now);
            let is_new = known.is_none() && !is_drained(sender) && !self.seen.knows(sender);
            return known.or_else(|| if is_new { self.full(config, now) } else { None });
        }
        let command = Command::of(cx, method)?;
        let now = env.now();
        self.repeat(&command, now).or_else(|| self.refusal(&command, config, now))
    }

    /// The answer to one that has run.
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

    /// The answer to one that may not run, or for whose record there is no room.
    fn refusal(
        &mut self,
        command: &Command<'_>,
        config: &ActorConfig,
        now: Instant,
    ) -> Option<Answer> {
        // Records in memory end with the activation, so nobody knows any more.
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

    /// The answer to what would begin to be remembered, where there is no room for it.
    fn full(&mut self, config: &ActorConfig, now: Instant) -> Option<Answer> {
        let max = config.records_bytes_max;
        if self.bytes + self.seen.bytes() >= max {
            self.clean(config, now);
        }
        (self.bytes + self.seen.bytes() >= max).then(|| {
            no_room(format!("{max} bytes of records are kept (actor.NAME.records_bytes_max)"))
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the sessions of a player take.
    fn bytes_of_player(&self, player: &str) -> usize {
        let sessions = self.players.get(player).into_iter().flatten();
        sessions.map(|session| session.bytes).sum()
    }

    /// Bytes of the record that the row will have of a call; 0 where it will have none.
    #[inline]
    pub(super) fn bytes_of(&self, cx: &Cx, method: &'static MethodDesc, answer: &Answer) -> usize {
        if !method.durable {
            return 0;
        }
        if cx.sender().is_some() {
            return RECORD_BYTES;
        }
        let reply = || RECORD_BYTES + answer.as_ref().map_or(0, |body| body.len());
        Command::of(cx, method).map_or(0, |_| reply())
    }

    /// Forgets what a turn has come to that did not run after all.
    pub(super) fn forget_record(&mut self, cx: &Cx, method: &'static MethodDesc) {
        if let Some(sender) = cx.sender() {
            self.seen.forget_record(sender);
        } else if let Some(command) = Command::of(cx, method) {
            self.change(command.session, |known| known.remove(command.path));
            // What was encoded has it.
            self.stale = true;
        }
    }

    /// A turn has ended: keeps what it has come to, where it was a command.
    pub(super) fn record(
        &mut self,
        config: &ActorConfig,
        env: &Env,
        cx: &Cx,
        method: &'static MethodDesc,
        answer: &Answer,
    ) {
        if let Some(sender) = cx.sender() {
            let recorded = self.seen.record(sender, answer, env.now());
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
        let gone = self.enter(player(session), &session.session, session.login(), now, |known| {
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

    /// A session has ended, and no command of it is under way any more.
    pub(super) fn session_over(&mut self, session: &guildhall_wire::Session, now: Instant) {
        let gone = self.change(session, |known| known.end(now)).unwrap_or_default();
        self.unsaved |= gone;
        // Else the row would have them until something else changes, which may be never.
        self.must_save |= gone;
    }

    /// A sender says that all its messages are done with.
    pub(super) fn drained(&mut self, cx: &Cx) {
        let known = cx.sender().is_some_and(|sender| self.seen.drained(sender));
        self.unsaved |= known;
        // Else the row would have it for as long as the sender is silent, which may be for ever.
        self.must_save |= known;
    }

    /// How long somebody may ask for a record: as long the tombstone of a deleted row is kept, in ms.
    pub(super) fn keep_ms(&self, config: &ActorConfig, now: Instant) -> u64 {
        let durable = self.players.values().flatten().any(|session| session.durable);
        let of_sessions = if durable { config.records_ms } else { 0 };
        of_sessions.max(self.seen.keep_ms(config, now))
    }

    /// Records that were on their way are not in the row.
    pub(super) fn not_saved(&mut self) {
        self.unsaved = !self.players.is_empty() || !self.seen.is_empty();
        self.must_save = !self.seen.is_empty();
    }

    /// Whether anything is known of the session that the call is from.
    pub(super) fn know(&mut self, cx: &Cx) -> bool {
        if let Some(sender) = cx.sender() {
            return self.seen.knows(sender);
        }
        cx.session().is_some_and(|session| self.change(session, |_| ()).is_some())
    }

    /// Changes a session, which is remembered from now on, and ends those of earlier logins; whether the row has what is gone now.
    pub(super) fn enter(
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
            let session = Session {
                id: id.into(),
                generation,
                answered: 0,
                over: 0,
                durable: false,
                records: BTreeMap::new(),
                bytes: OVERHEAD + player.len() + id.len(),
                changed: false,
                used: now,
                ended: None,
            };
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

    /// Does something with a session, if it is known.
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

    /// Forgets what nobody asks for any more, at most so often that it costs little: sessions that have ended, or have been silent, for
    /// as long as a copy of a command could still come; calls inside commands that are as old; silent senders.
    pub(super) fn clean(&mut self, config: &ActorConfig, now: Instant) {
        let kept = config.records();
        if self.cleaned.is_some_and(|at| now < at + kept / 16) {
            return;
        }
        self.cleaned = Some(now);
        self.seen.forget_silent(config, now);
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

impl Session {
    /// It has ended. What its own commands have come to is gone; that they have run is kept, for as long as a copy of one could still
    /// come. Calls inside them may still be sent again by the app that makes them. Whether the row has what is gone now.
    pub(super) fn end(&mut self, now: Instant) -> bool {
        self.ended.get_or_insert(now);
        if self.over > 0 {
            return false;
        }
        let own = self.records.keys().rfind(|path| path.len() == 1);
        let last = own.and_then(|path| path.first()).copied().unwrap_or_default();
        self.over = self.answered.max(last.saturating_add(1));
        self.changed = true;
        self.forget(|path, _| path.len() == 1);
        self.durable
    }

    /// The client has the replies of all commands below this one.
    pub(super) fn forget_below(&mut self, number: u64) {
        if number > self.answered {
            self.answered = number;
            self.changed = true;
            // With them what they have called: they will not run again.
            let kept = self.records.split_off(&[number][..]);
            let gone = std::mem::replace(&mut self.records, kept);
            self.bytes -= gone.iter().map(|(path, record)| size(path, record)).sum::<usize>();
        }
    }

    /// One has not run after all.
    fn remove(&mut self, path: &[u64]) {
        if let Some(record) = self.records.remove(path) {
            self.changed = true;
            self.bytes -= size(path, &record);
        }
    }

    pub(super) fn insert(&mut self, path: Box<[u64]>, record: Record) {
        self.changed = true;
        self.bytes += size(&path, &record);
        if let Some((path, before)) = self.records.remove_entry(&path) {
            self.bytes -= size(&path, &before);
        }
        self.records.insert(path, record);
    }

    /// Whether one more record has room.
    fn has_room(&mut self, command: &Command<'_>, config: &ActorConfig, now: Instant) -> bool {
        if self.records.len() < config.records_max {
            return true;
        }
        self.forget_nested(config.records(), now);
        // A client that never says which replies it has keeps the last ones. What is forgotten is not run again either.
        if command.answered() == 0
            && self.records.len() >= config.records_max
            && let Some((oldest, _)) = self.records.first_key_value()
            && let Some(oldest) = oldest.first().filter(|oldest| **oldest < command.number())
        {
            self.forget_below(oldest + 1);
        }
        self.records.len() < config.records_max
    }

    /// Nobody says when a call inside a command will not come again, so those go by time.
    fn forget_nested(&mut self, kept: Duration, now: Instant) {
        self.forget(|path, record| path.len() > 1 && is_over(record.at, kept, now));
    }

    fn forget(&mut self, which: impl Fn(&[u64], &Record) -> bool) {
        let mut gone = 0;
        self.records.retain(|path, record| {
            let goes = which(path, record);
            gone += if goes { size(path, record) } else { 0 };
            !goes
        });
        if gone > 0 {
            self.bytes -= gone;
            self.changed = true;
        }
    }
}

/// What a record takes, about, in bytes.
fn size(path: &[u64], record: &Record) -> usize {
    OVERHEAD + size_of_val(path) + answer_size(&record.answer)
}

impl Record {
    fn repeat(&self, command: &Command<'_>) -> Answer {
        if self.method == command.method.id {
            return self.answer.clone();
        }
        let why =
            format!("command {:?} was another method than {}", command.path, command.method.path);
        Err(Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why))
    }
}

/// Whose sessions end each other: one without a player stands alone.
fn player(session: &guildhall_wire::Session) -> &str {
    if session.player.is_empty() { &session.session } else { &session.player }
}

fn is_over(since: Instant, kept: Duration, now: Instant) -> bool {
    now.saturating_duration_since(since) >= kept
}
