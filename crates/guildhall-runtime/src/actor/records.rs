//! Records as they are in rows, and as they move.

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Env, Status};
use guildhall_wire::Generation;
use guildhall_wire::frame::error_aux;
use prost::{DecodeError, Message};

use super::commands::{Commands, Record, Session};
use super::config::ActorConfig;
use super::held::Answer;
use super::later::wall_ms;
use crate::proto::{CommandRecord, Records, SessionRecords};
use crate::reply::{status_body, status_from_frame};

impl Commands {
    /// What an activation begins with: the records of its rows.
    ///
    /// # Errors
    /// They were not written by a release like this one.
    pub(super) fn load<'a>(
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

    /// Adds what was kept elsewhere: in a row, or in the memory of the owner before.
    pub(super) fn take_in(&mut self, records: Records, now: Instant) {
        self.seen.take_in(records.seen);
        for of_session in records.commands {
            let SessionRecords { player, session, generation, answered, records, epoch } =
                of_session;
            let generation = Generation { epoch, number: generation };
            let session = self.enter(&player, &session, generation, now);
            session.forget_below(answered);
            for CommandRecord { path, method, error, body, durable } in records {
                session.durable |= durable;
                // Where rows are many, one may have what another has forgotten.
                if path.first().is_some_and(|number| *number >= session.answered) {
                    let record =
                        Record { method, answer: answer_of(error, body), durable, at: now };
                    session.records.insert(path.into(), record);
                }
            }
        }
    }

    /// All records: what a planned move carries, for [`Commands::take_in`].
    pub(super) fn all(&self) -> Records {
        self.list(|_| true, |_| true)
    }

    /// Those that belong into the row. Old ones are left out.
    pub(super) fn take_for_row(&mut self, config: &ActorConfig, env: &Env) -> Records {
        (self.unsaved, self.must_save) = (false, false);
        self.forget_old(config, env.now());
        self.seen.forget_silent(config, wall_ms(env));
        self.list(|session| session.durable, |record| record.durable)
    }

    /// Bytes of those that belong into the row, old ones included.
    pub(super) fn bytes_for_row(&self) -> usize {
        self.list(|session| session.durable, |record| record.durable).encoded_len()
    }

    fn list(&self, of: fn(&Session) -> bool, which: fn(&Record) -> bool) -> Records {
        let of_session = |(player, session): (&str, &Session)| {
            let records = session.records.iter().filter(|(_, record)| which(record));
            SessionRecords {
                player: player.to_owned(),
                session: session.id.to_string(),
                epoch: session.generation.epoch,
                generation: session.generation.number,
                answered: session.answered,
                records: records.map(|(path, record)| encoded(path, record)).collect(),
            }
        };
        let all = self.players.iter();
        let all = all.flat_map(|(player, sessions)| sessions.iter().map(move |s| (&**player, s)));
        let commands = all.filter(|(_, session)| of(session)).map(of_session).collect();
        Records { commands, seen: self.seen.records(), ..Records::default() }
    }
}

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

/// The fields `error` and `body` of a record, for [`answer_of`].
pub(super) fn error_of(answer: &Answer) -> (u32, Bytes) {
    match answer {
        Ok(body) => (0, body.clone()),
        Err(status) => (
            error_aux(status.code() as u8, status.effect() as u8).into(),
            status_body(status).encode_to_vec().into(),
        ),
    }
}

pub(super) fn answer_of(error: u32, body: Bytes) -> Answer {
    match u16::try_from(error) {
        Ok(0) => Ok(body),
        Ok(aux) => Err(status_from_frame(aux, &body)),
        Err(_) => {
            let why = "the command has failed, in a way that a later release has written";
            Err(Status::new(Code::Internal, why).with_reason(reason::BAD_REPLY))
        }
    }
}

#[cfg(test)]
mod tests {
    use guildhall_core::Effect;

    use super::*;

    #[test]
    fn what_moves_is_all_that_was_known_and_a_row_has_the_durable_part() {
        let now = Env::real().now();
        let status = Status::new(Code::NotFound, "no").with_reason(1203).with_effect(Effect::Ran);
        let record = |path: &[u64], answer: Answer, durable| {
            encoded(path, &Record { method: 7, answer, durable, at: now })
        };
        let session = SessionRecords {
            player: "ann".into(),
            session: "s1".into(),
            generation: 3,
            epoch: 5,
            answered: 2,
            records: vec![
                record(&[2], Ok(Bytes::from_static(b"reply")), true),
                record(&[2, 0], Err(status), true),
                record(&[3], Ok(Bytes::new()), false),
            ],
        };
        let records = Records { commands: vec![session], ..Records::default() };
        let mut commands = Commands::default();
        commands.take_in(Records::decode(&*records.encode_to_vec()).unwrap(), now);
        assert_eq!(commands.all(), records);
        assert!(!commands.unsaved, "the row has them");
        let row = commands.take_for_row(&ActorConfig::default(), &Env::real());
        let row = Bytes::from(row.encode_to_vec());
        let row = Commands::load([&row], now).unwrap().all();
        assert_eq!(row.commands[0].records, records.commands[0].records[..2]);
    }
}
