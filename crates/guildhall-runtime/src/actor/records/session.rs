//! The records of one session.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Status};
use guildhall_wire::Generation;

use super::answer::{Answer, answer_size};
use super::command::Command;
use crate::actor::config::ActorConfig;

/// Bytes of a session and of a record beside their names, answers and paths, rounded up.
const OVERHEAD: usize = 64;

/// A session and its records.
pub(crate) struct Session {
    pub(crate) id: Box<str>,
    pub(crate) generation: Generation,
    /// The client has the replies of all commands with a lower number.
    pub(crate) answered: u64,
    /// The session has ended, and its commands from this number on have not run; 0 while it goes on.
    pub(crate) over: u64,
    /// It has had a durable command: the row tells about it.
    pub(crate) durable: bool,
    /// By number, and by path for calls inside commands.
    pub(crate) records: BTreeMap<Box<[u64]>, Record>,
    /// Of the records, and what holds them.
    pub(crate) bytes: usize,
    /// It has changed since it was encoded for the row.
    pub(crate) changed: bool,
    /// When its last call came.
    pub(crate) used: Instant,
    /// When the end of the session became known.
    pub(crate) ended: Option<Instant>,
}

/// What a command has come to.
pub(crate) struct Record {
    /// Id of the method.
    pub(crate) method: u32,
    pub(crate) answer: Answer,
    pub(crate) durable: bool,
    pub(crate) at: Instant,
}

impl Session {
    /// A session without records.
    pub(crate) fn new(player: &str, id: &str, generation: Generation, now: Instant) -> Self {
        Self {
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
        }
    }

    /// The session has ended. The outcomes of its own commands are dropped; that they have run is kept for as long as a copy of one may
    /// still come. Calls inside them may still be repeated by the app that makes them. Returns whether the row has what is gone now.
    pub(crate) fn end(&mut self, now: Instant) -> bool {
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
    pub(crate) fn forget_below(&mut self, number: u64) {
        if number > self.answered {
            self.answered = number;
            self.changed = true;
            // With them the records of calls inside them.
            let kept = self.records.split_off(&[number][..]);
            let gone = std::mem::replace(&mut self.records, kept);
            self.bytes -= gone.iter().map(|(path, record)| size(path, record)).sum::<usize>();
        }
    }

    /// Removes the record of a command that was taken back.
    pub(crate) fn remove(&mut self, path: &[u64]) {
        if let Some(record) = self.records.remove(path) {
            self.changed = true;
            self.bytes -= size(path, &record);
        }
    }

    pub(crate) fn insert(&mut self, path: Box<[u64]>, record: Record) {
        self.changed = true;
        self.bytes += size(&path, &record);
        if let Some((path, before)) = self.records.remove_entry(&path) {
            self.bytes -= size(&path, &before);
        }
        self.records.insert(path, record);
    }

    /// Whether a further record has room.
    pub(crate) fn has_room(
        &mut self,
        command: &Command<'_>,
        config: &ActorConfig,
        now: Instant,
    ) -> bool {
        if self.records.len() < config.records_max {
            return true;
        }
        self.forget_nested(config.records(), now);
        // For a client that confirms no replies the last records are kept. A command whose record was dropped does not run again either.
        if command.answered() == 0
            && self.records.len() >= config.records_max
            && let Some((oldest, _)) = self.records.first_key_value()
            && let Some(oldest) = oldest.first().filter(|oldest| **oldest < command.number())
        {
            self.forget_below(oldest + 1);
        }
        self.records.len() < config.records_max
    }

    /// Calls inside commands are never confirmed, so their records expire by time.
    pub(crate) fn forget_nested(&mut self, kept: Duration, now: Instant) {
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

/// Bytes of a record, estimated.
fn size(path: &[u64], record: &Record) -> usize {
    OVERHEAD + size_of_val(path) + answer_size(&record.answer)
}

impl Record {
    pub(crate) fn repeat(&self, command: &Command<'_>) -> Answer {
        if self.method == command.method.id {
            return self.answer.clone();
        }
        let why =
            format!("command {:?} was another method than {}", command.path, command.method.path);
        Err(Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why))
    }
}

pub(crate) fn is_over(since: Instant, kept: Duration, now: Instant) -> bool {
    now.saturating_duration_since(since) >= kept
}
