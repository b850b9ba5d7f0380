//! Outbox deduplication: the messages of other actors' outboxes that this actor has run, so that a copy is answered and not run again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status};
use guildhall_wire::Sender;

use super::answer::{Answer, answer_of, answer_size, error_of, no_room, put_field};
use crate::actor::config::ActorConfig;
use crate::proto::{SeenRecord, SenderRecords};

/// Bytes of an entry beside its name and answers, estimated.
const OVERHEAD: usize = 64;

/// The field of `Records` that has the senders.
const FIELD: u32 = 4;

/// The senders that have messages under way, by `NAME/key`. Bounded in bytes, per sender and in total.
#[derive(Default)]
pub(crate) struct ReceivedMessages {
    senders: BTreeMap<Box<str>, FromOne>,
    bytes: usize,
}

struct FromOne {
    /// Messages below this number are done with: the sender's row says so.
    low: u64,
    /// Time without a message at `as_of`, while the actor was in memory. Not by a wall clock: one that jumps would drop records too
    /// early.
    silent: Duration,
    as_of: Instant,
    /// By number.
    answers: BTreeMap<u64, Answer>,
    /// Bytes of the answers, the name and the entry.
    bytes: usize,
    /// The encoding for the row, until the entry changes.
    encoded: Option<Bytes>,
}

impl ReceivedMessages {
    pub(crate) fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    /// What all entries take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn knows(&self, sender: &Sender) -> bool {
        self.senders.contains_key(sender.actor.as_str())
    }

    /// The answer to a message that must not run: it has run, or its sender has too many under way.
    pub(crate) fn before(
        &mut self,
        sender: &Sender,
        config: &ActorConfig,
        now: Instant,
    ) -> Option<Answer> {
        if is_drained(sender) {
            return None;
        }
        self.change(&sender.actor, |known| known.heard(sender.low, now));
        let known = self.senders.get(sender.actor.as_str())?;
        if let Some(answer) = known.answers.get(&sender.number) {
            return Some(answer.clone());
        }
        if sender.number < known.low {
            let why = format!("message {} of {} was done with before", sender.number, sender.actor);
            let status = Status::new(Code::FailedPrecondition, why).with_reason(reason::REPLY_GONE);
            return Some(Err(status.with_effect(Effect::Ran)));
        }
        let (max, bytes_max) = (config.outbox_max, config.peer_bytes_max);
        if known.answers.len() >= max {
            let why = format!("{max} messages of one sender are known (actor.NAME.outbox_max)");
            return Some(no_room(why));
        }
        (known.bytes >= bytes_max).then(|| {
            let why =
                format!("{bytes_max} bytes of one sender are kept (actor.NAME.peer_bytes_max)");
            no_room(why)
        })
    }

    /// A message has run; false when no record is kept.
    pub(crate) fn record(&mut self, sender: &Sender, answer: &Answer, now: Instant) -> bool {
        // A message that has not run may be retried.
        if answer.as_ref().is_err_and(|status| status.effect() != Effect::Ran) {
            return false;
        }
        self.change_or_begin(&sender.actor, now, |known| {
            known.heard(sender.low, now);
            // The sender discards the reply.
            known.add(sender.number, answer.clone().map(|_| Bytes::new()));
        });
        true
    }

    /// Removes the record of a message whose turn was taken back.
    pub(crate) fn forget_record(&mut self, sender: &Sender) {
        self.change(&sender.actor, |known| known.remove(sender.number));
    }

    /// All messages below `sender.low` are done with and none can come again: the sender is forgotten, unless it has sent another
    /// one since. Whether anything was known.
    pub(crate) fn drained(&mut self, sender: &Sender) -> bool {
        let mut nothing_left = false;
        let known = self.change(&sender.actor, |known| {
            known.forget_below(sender.low);
            nothing_left = known.answers.is_empty();
        });
        if nothing_left {
            self.forget(|name, _| name == sender.actor);
        }
        known
    }

    /// Forgets senders that have been silent for so long that none of their messages can still be under way. How long the others
    /// have been is for the row too, when it is much more than the row has.
    pub(crate) fn forget_silent(&mut self, config: &ActorConfig, now: Instant) {
        let kept = Duration::from_millis(config.dedup_ms);
        for known in self.senders.values_mut() {
            if now.saturating_duration_since(known.as_of) >= kept / 16 {
                (known.silent, known.as_of, known.encoded) = (known.silent_for(now), now, None);
            }
        }
        self.forget(|_, known| known.silent_for(now) >= kept);
    }

    fn forget(&mut self, of: impl Fn(&str, &FromOne) -> bool) {
        let mut gone = 0;
        self.senders.retain(|name, known| {
            let forget = of(name, known);
            gone += if forget { known.bytes } else { 0 };
            !forget
        });
        self.bytes -= gone;
    }

    /// Changes a known sender; whether it is known.
    fn change(&mut self, sender: &str, change: impl FnOnce(&mut FromOne)) -> bool {
        let Some(known) = self.senders.get_mut(sender) else { return false };
        let before = known.bytes;
        change(known);
        self.bytes = self.bytes + known.bytes - before;
        true
    }

    /// Changes a sender, which is added if it is new.
    fn change_or_begin(&mut self, sender: &str, now: Instant, change: impl FnOnce(&mut FromOne)) {
        if !self.senders.contains_key(sender) {
            let known = FromOne {
                low: 0,
                silent: Duration::ZERO,
                as_of: now,
                answers: BTreeMap::new(),
                bytes: OVERHEAD + sender.len(),
                encoded: None,
            };
            self.bytes += known.bytes;
            self.senders.insert(sender.into(), known);
        }
        self.change(sender, change);
    }

    /// Time until all senders are forgotten, in ms.
    pub(crate) fn keep_ms(&self, config: &ActorConfig, now: Instant) -> u64 {
        let silent = self.senders.values().map(|known| known.silent_for(now)).min();
        let left = |silent| Duration::from_millis(config.dedup_ms).saturating_sub(silent);
        silent.map_or(0, |silent| u64::try_from(left(silent).as_millis()).unwrap_or(u64::MAX))
    }

    /// Adds records of a row or of the previous owner.
    pub(crate) fn take_in(&mut self, records: Vec<SenderRecords>, now: Instant) {
        for SenderRecords { sender, low, silent_ms, seen } in records {
            self.change_or_begin(&sender, now, |known| {
                known.silent = Duration::from_millis(silent_ms);
                for SeenRecord { number, error, body } in seen {
                    known.add(number, answer_of(error, body));
                }
                known.forget_below(low);
            });
        }
    }

    pub(crate) fn records(&self, now: Instant) -> Vec<SenderRecords> {
        self.senders.iter().map(|(sender, known)| known.record(sender, now)).collect()
    }

    /// Appends the senders to the encoded records of a row. Only changed senders are encoded anew.
    pub(crate) fn put(&mut self, out: &mut BytesMut, now: Instant) {
        out.reserve(self.bytes);
        for (sender, known) in &mut self.senders {
            if known.encoded.is_none() {
                known.encoded = Some(put_field(FIELD, &known.record(sender, now)));
            }
            out.extend_from_slice(known.encoded.as_deref().unwrap_or_default());
        }
    }
}

/// Whether this is no message, but the notice that all messages below `low` are done with.
pub(crate) fn is_drained(sender: &Sender) -> bool {
    sender.number == 0
}

impl FromOne {
    fn heard(&mut self, low: u64, now: Instant) {
        (self.silent, self.as_of) = (Duration::ZERO, now);
        self.forget_below(low);
    }

    fn silent_for(&self, now: Instant) -> Duration {
        self.silent + now.saturating_duration_since(self.as_of)
    }

    fn add(&mut self, number: u64, answer: Answer) {
        self.encoded = None;
        self.bytes += answer_size(&answer);
        if let Some(before) = self.answers.insert(number, answer) {
            self.bytes -= answer_size(&before);
        }
    }

    fn remove(&mut self, number: u64) {
        if let Some(answer) = self.answers.remove(&number) {
            self.encoded = None;
            self.bytes -= answer_size(&answer);
        }
    }

    fn forget_below(&mut self, low: u64) {
        if low > self.low {
            (self.low, self.encoded) = (low, None);
            let kept = self.answers.split_off(&low);
            let gone = std::mem::replace(&mut self.answers, kept);
            self.bytes -= gone.values().map(answer_size).sum::<usize>();
        }
    }

    fn record(&self, sender: &str, now: Instant) -> SenderRecords {
        let record = |(number, answer): (&u64, &Answer)| {
            let (error, body) = error_of(answer);
            SeenRecord { number: *number, error, body }
        };
        SenderRecords {
            sender: sender.to_owned(),
            low: self.low,
            silent_ms: u64::try_from(self.silent_for(now).as_millis()).unwrap_or(u64::MAX),
            seen: self.answers.iter().map(record).collect(),
        }
    }
}
