//! Records in rows, and in planned moves.

use bytes::{Bytes, BytesMut};
use guildhall_core::Env;
use guildhall_core::env::Instant;
use guildhall_wire::Generation;
use prost::{DecodeError, Message, encoding};

use super::answer::{answer_of, error_of};
use super::commands::Commands;
use super::session::{Record, Session};
use crate::actor::config::ActorConfig;
use crate::proto::{CommandRecord, Records, SessionRecords};

impl Commands {
    /// The records of the rows, for an activation that begins.
    ///
    /// # Errors
    /// They were not written by a release like this one.
    pub(crate) fn load<'a>(
        rows: impl IntoIterator<Item = &'a Bytes>,
        now: Instant,
    ) -> Result<Self, DecodeError> {
        let mut commands = Self::default();
        for bytes in rows.into_iter().filter(|bytes| !bytes.is_empty()) {
            commands.row_bytes += bytes.len();
            commands.take_in(Records::decode(bytes.clone())?, now);
        }
        Ok(commands)
    }

    /// Adds records of a row, or of the previous owner's memory.
    pub(crate) fn take_in(&mut self, records: Records, now: Instant) {
        self.messages.take_in(records.seen, now);
        for of_session in records.commands {
            let SessionRecords { player, session, generation, answered, records, epoch, over } =
                of_session;
            let generation = Generation { epoch, number: generation };
            self.change_or_begin(&player, &session, generation, now, |session| {
                session.forget_below(answered);
                if over > 0 && session.over == 0 {
                    session.end(now);
                    session.over = over;
                }
                for CommandRecord { path, method, error, body, durable } in records {
                    session.durable |= durable;
                    // Where rows are many, one may have what another has forgotten.
                    let is_own = path.len() == 1;
                    let is_known = path.first().is_some_and(|number| *number >= session.answered);
                    if is_known && !(is_own && session.over > 0) {
                        let answer = answer_of(error, body);
                        let record = Record { method, answer, durable, at: now };
                        session.insert(path.into(), record);
                    }
                }
            });
        }
    }

    /// Bytes of the records for the row, estimated, expired ones included.
    pub(crate) fn bytes_for_row(&self) -> usize {
        self.bytes() + self.messages.bytes()
    }

    /// All records: the payload of a planned move, for [`Commands::take_in`].
    pub(crate) fn all(&self, now: Instant) -> Records {
        let all = self.players.iter();
        let all = all.flat_map(|(player, sessions)| sessions.iter().map(move |s| (player, s)));
        let commands = all.map(|(player, session)| session.encode(player, |_| true)).collect();
        Records { commands, seen: self.messages.records(now), ..Records::default() }
    }

    /// The records for the row, encoded, without expired ones. A session that has changed is appended, which replaces its earlier
    /// encoding: encoding all sessions again would make a call to an actor with thousands of players thousands of times as expensive.
    /// Repeated sessions take at most half of what all take once, and an eighth of `row_max`. Records that are gone leave the row when
    /// they are an eighth of it.
    pub(crate) fn take_for_row(
        &mut self,
        config: &ActorConfig,
        env: &Env,
        row_max: usize,
    ) -> BytesMut {
        let now = env.now();
        (self.unsaved, self.must_save) = (false, false);
        self.clean(config, now);
        let changed = std::mem::take(&mut self.changed);
        let twice = (self.whole / 2).min(row_max / 8);
        let is_less = self.bytes() < self.whole_bytes - self.whole_bytes / 8;
        let more: usize = changed.iter().map(|player| self.bytes_of_player(player)).sum();
        if self.stale || is_less || self.row.len() + more > self.whole + twice {
            self.row.clear();
            self.players.iter_mut().for_each(|(player, of)| put(&mut self.row, player, of, true));
            (self.whole, self.whole_bytes) = (self.row.len(), self.bytes());
        } else {
            for player in changed {
                let of_player = self.players.get_mut(&player).into_iter();
                of_player.for_each(|of| put(&mut self.row, &player, of, false));
            }
        }
        self.stale = false;
        let mut out = BytesMut::with_capacity(self.row.len() + self.messages.bytes() + 256);
        out.extend_from_slice(&self.row);
        self.messages.put(&mut out, now);
        out
    }
}

/// Encodes the sessions of a player for the row: those that have changed, or all.
fn put(out: &mut BytesMut, player: &str, sessions: &mut [Session], all: bool) {
    for session in sessions.iter_mut().filter(|session| session.durable) {
        if std::mem::take(&mut session.changed) || all {
            let records = session.encode(player, |record| record.durable);
            encoding::message::encode(COMMANDS, &records, out);
        }
    }
}

impl Session {
    fn encode(&self, player: &str, which: fn(&Record) -> bool) -> SessionRecords {
        let records = self.records.iter().filter(|(_, record)| which(record));
        SessionRecords {
            player: player.to_owned(),
            session: self.id.to_string(),
            epoch: self.generation.epoch,
            generation: self.generation.number,
            answered: self.answered,
            over: self.over,
            records: records.map(|(path, record)| encoded(path, record)).collect(),
        }
    }
}

/// The field of `Records` that has sessions.
const COMMANDS: u32 = 1;

fn encoded(path: &[u64], record: &Record) -> CommandRecord {
    let (error, body) = error_of(&record.answer);
    CommandRecord {
        path: path.to_vec(),
        method: record.method,
        error,
        body,
        durable: record.durable,
    }
}

#[cfg(test)]
mod tests {
    use guildhall_core::{Code, Effect, Reason, Status};

    use super::super::answer::Answer;
    use super::*;

    #[test]
    fn what_moves_is_all_that_was_known_and_a_row_has_the_durable_part() {
        let now = Env::real().now();
        let status = Status::new(Code::NotFound, "no")
            .with_reason(Reason::new(1203))
            .with_effect(Effect::Ran);
        let record = |path: &[u64], answer: Answer, durable| {
            encoded(path, &Record { method: 7, answer, durable, at: now })
        };
        let session = SessionRecords {
            player: "ann".into(),
            session: "s1".into(),
            generation: 3,
            epoch: 5,
            answered: 2,
            over: 0,
            records: vec![
                record(&[2], Ok(Bytes::from_static(b"reply")), true),
                record(&[2, 0], Err(status), true),
                record(&[3], Ok(Bytes::new()), false),
            ],
        };
        let records = Records { commands: vec![session], ..Records::default() };
        let mut commands = Commands::default();
        commands.take_in(Records::decode(&*records.encode_to_vec()).unwrap(), now);
        assert_eq!(commands.all(now), records);
        assert!(!commands.unsaved, "the row has them");
        let row = commands.take_for_row(&ActorConfig::default(), &Env::real(), 1 << 20);
        let row = Commands::load([&row.freeze()], now).unwrap().all(now);
        assert_eq!(row.commands[0].records, records.commands[0].records[..2]);
    }
}
