//! Records of commands and messages that have run, so that a repetition is answered and not run again (rules 29 to 31).
//!
//! | module | what |
//! |---|---|
//! | `answer` | the reply or error of a call, in memory and in a row |
//! | `command` | a call as records see it; a command, or a call that is made inside one |
//! | `session` | the records of one session |
//! | `deduplication` | the messages of outboxes that have run |
//! | `commands` | the records of one activation: what is refused, answered, kept and forgotten |
//! | `row` | records in the actor's row, and in a planned move |

mod answer;
mod command;
mod deduplication;
mod session;
mod commands;
mod row;

use bytes::{Bytes, BytesMut};
use guildhall_core::Env;
use guildhall_core::MethodDesc;
use guildhall_core::env::Instant;
use guildhall_wire::Session;
use prost::DecodeError;

use super::config::ActorConfig;
use crate::call::Cx;
use crate::proto;

pub(super) use answer::{Answer, RECORD_BYTES};
pub(super) use command::ActorCall;
use commands::Commands;
pub(super) use deduplication::is_drained;

/// The records of one activation. Without any it takes no memory.
#[derive(Default)]
pub(super) struct Records(Option<Box<Commands>>);

impl Records {
    /// The records in the rows of an activation that begins.
    ///
    /// # Errors
    /// The records were not written by a release like this one.
    pub(super) fn load<'a>(
        rows: impl IntoIterator<Item = &'a Bytes>,
        now: Instant,
    ) -> Result<Self, DecodeError> {
        let mut rows = rows.into_iter().filter(|bytes| !bytes.is_empty()).peekable();
        match rows.peek() {
            Some(_) => Ok(Self(Some(Box::new(Commands::load(rows, now)?)))),
            None => Ok(Self::default()),
        }
    }

    fn made(&mut self) -> &mut Commands {
        self.0.get_or_insert_default()
    }

    fn map<T: Default>(&self, get: impl FnOnce(&Commands) -> T) -> T {
        self.0.as_deref().map(get).unwrap_or_default()
    }

    /// Adds the records that the previous owner has sent.
    pub(super) fn take_in(&mut self, records: proto::Records, now: Instant) {
        self.made().take_in(records, now);
    }

    /// The answer to a call that must not run, because it has run or may not; `None` when it is to run now.
    #[inline]
    pub(super) fn before(&mut self, call: ActorCall<'_>) -> Option<Answer> {
        if !is_recorded(call.cx) {
            return None;
        }
        self.made().before(call)
    }

    /// Whether anything is known of the session or the sender of the call.
    pub(super) fn know(&mut self, cx: &Cx) -> bool {
        self.0.as_mut().is_some_and(|kept| kept.know(cx))
    }

    /// Bytes of the record that the row will have of a call; 0 without one.
    #[inline]
    pub(super) fn bytes_of(cx: &Cx, method: &'static MethodDesc, answer: &Answer) -> usize {
        if method.durable { Commands::bytes_of(cx, method, answer) } else { 0 }
    }

    /// A turn has ended: keeps its answer if the call was a command or a message.
    #[inline]
    pub(super) fn record(&mut self, call: ActorCall<'_>, answer: &Answer) {
        if is_recorded(call.cx) {
            self.made().record(call, answer);
        }
    }

    /// Removes the record of a turn that was taken back.
    pub(super) fn forget_record(&mut self, cx: &Cx, method: &'static MethodDesc) {
        self.made().forget_record(cx, method);
    }

    /// A session has ended, and none of its commands is under way any more.
    pub(super) fn session_over(&mut self, session: &Session, now: Instant) {
        if let Some(kept) = &mut self.0 {
            kept.session_over(session, now);
        }
    }

    /// The sender of the call has no message under way any more.
    pub(super) fn drained(&mut self, cx: &Cx) {
        self.made().drained(cx);
    }

    /// How long the tombstone of a deleted row is kept for the records in it, in ms.
    pub(super) fn keep_ms(&self, config: &ActorConfig, now: Instant) -> u64 {
        self.map(|kept| kept.keep_ms(config, now))
    }

    /// The records of the last write are not in the row.
    pub(super) fn not_saved(&mut self) {
        if let Some(kept) = &mut self.0 {
            kept.not_saved();
        }
    }

    /// Whether the row lacks a record.
    pub(super) fn is_unsaved(&self) -> bool {
        self.map(|kept| kept.unsaved)
    }

    /// Whether the row lacks a record that is written even if nothing else has changed.
    #[inline]
    pub(super) fn must_save(&self) -> bool {
        self.map(|kept| kept.must_save)
    }

    /// Bytes of the records in the row, and of those that the next write adds: an upper bound.
    pub(super) fn row_bytes(&self) -> usize {
        self.map(|kept| kept.row_bytes)
    }

    /// Bytes of the records that belong into the row, old ones included.
    pub(super) fn bytes_for_row(&self) -> usize {
        self.map(Commands::bytes_for_row)
    }

    /// The next write encodes all records anew, without those that are over.
    pub(super) fn encode_anew(&mut self) {
        if let Some(kept) = &mut self.0 {
            kept.stale = true;
        }
    }

    /// The records for the row, encoded.
    pub(super) fn take_for_row(
        &mut self,
        config: &ActorConfig,
        env: &Env,
        row_max: usize,
    ) -> BytesMut {
        self.0.as_mut().map(|kept| kept.take_for_row(config, env, row_max)).unwrap_or_default()
    }

    /// The row has this many bytes of records and of later work.
    pub(super) fn set_row_bytes(&mut self, bytes: usize) {
        if bytes > 0 || self.0.is_some() {
            self.made().row_bytes = bytes;
        }
    }

    /// All records: for a planned move.
    pub(super) fn all(&self, now: Instant) -> proto::Records {
        self.map(|kept| kept.all(now))
    }
}

/// Whether the call may be a command or a message of an outbox: no record is kept of others.
#[inline]
fn is_recorded(cx: &Cx) -> bool {
    cx.head.as_ref().is_some_and(|head| head.session.is_some() || head.sender.is_some())
}
