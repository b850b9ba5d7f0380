//! What an actor has taken from the outboxes of others, so that what is sent again is not run again.

use std::collections::BTreeMap;

use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status};
use guildhall_wire::Sender;

use super::config::ActorConfig;
use super::held::Answer;
use super::records::{answer_of, error_of};
use crate::proto::{SeenRecord, SenderRecords};

/// By sender, `NAME/key`. Bounded by `senders_max`.
#[derive(Default)]
pub(super) struct Seen {
    senders: BTreeMap<Box<str>, FromOne>,
}

#[derive(Default)]
struct FromOne {
    /// Earlier ones are done with: their sender has it in its row.
    low: u64,
    /// When it was last heard of, in ms since the Unix epoch.
    used_ms: u64,
    /// By number.
    answers: BTreeMap<u64, Answer>,
}

impl Seen {
    pub(super) fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    pub(super) fn knows(&self, sender: &Sender) -> bool {
        self.senders.contains_key(sender.actor.as_str())
    }

    /// The answer to a message that must not run: it has, or there is no room to remember it.
    pub(super) fn before(
        &mut self,
        sender: &Sender,
        config: &ActorConfig,
        now_ms: u64,
    ) -> Option<Answer> {
        let Some(known) = self.senders.get_mut(sender.actor.as_str()) else {
            return (!self.has_room(config, now_ms)).then(|| {
                let max = config.senders_max;
                no_room(format!("{max} senders are known already (actor.NAME.senders_max)"))
            });
        };
        known.used_ms = now_ms;
        known.forget_below(sender.low);
        if let Some(answer) = known.answers.get(&sender.number) {
            return Some(answer.clone());
        }
        if sender.number < known.low {
            let why = format!("message {} of {} was done with before", sender.number, sender.actor);
            let status = Status::new(Code::FailedPrecondition, why).with_reason(reason::REPLY_GONE);
            return Some(Err(status.with_effect(Effect::Ran)));
        }
        (known.answers.len() >= config.outbox_max).then(|| {
            let max = config.outbox_max;
            no_room(format!("{max} messages of one sender are known (actor.NAME.outbox_max)"))
        })
    }

    /// A message has run; false when there is nothing to remember.
    pub(super) fn record(&mut self, sender: &Sender, answer: &Answer, now_ms: u64) -> bool {
        // What has not run may be tried again.
        if answer.as_ref().is_err_and(|status| status.effect() != Effect::Ran) {
            return false;
        }
        let known = self.senders.entry(sender.actor.as_str().into()).or_default();
        known.used_ms = now_ms;
        known.forget_below(sender.low);
        // Its sender does not look at the reply.
        let answer = answer.clone().map(|_| bytes::Bytes::new());
        known.answers.insert(sender.number, answer);
        true
    }

    /// A message has not run after all.
    pub(super) fn forget_record(&mut self, sender: &Sender) {
        if let Some(known) = self.senders.get_mut(sender.actor.as_str()) {
            known.answers.remove(&sender.number);
        }
    }

    fn has_room(&mut self, config: &ActorConfig, now_ms: u64) -> bool {
        if self.senders.len() >= config.senders_max {
            self.forget_silent(config, now_ms);
        }
        self.senders.len() < config.senders_max
    }

    /// Forgets senders that have been silent for so long that none of their messages can still be under way.
    pub(super) fn forget_silent(&mut self, config: &ActorConfig, now_ms: u64) {
        self.senders.retain(|_, known| now_ms.saturating_sub(known.used_ms) < config.seen_ms);
    }

    /// How long it is until all senders are forgotten, in ms.
    pub(super) fn keep_ms(&self, config: &ActorConfig, now_ms: u64) -> u64 {
        let last = self.senders.values().map(|known| known.used_ms).max();
        last.map_or(0, |last| last.saturating_add(config.seen_ms).saturating_sub(now_ms))
    }

    /// Adds what was kept elsewhere.
    pub(super) fn take_in(&mut self, records: Vec<SenderRecords>) {
        for SenderRecords { sender, low, used_ms, seen } in records {
            let known = self.senders.entry(sender.into()).or_default();
            known.used_ms = known.used_ms.max(used_ms);
            for SeenRecord { number, error, body } in seen {
                known.answers.insert(number, answer_of(error, body));
            }
            known.forget_below(low);
        }
    }

    pub(super) fn records(&self) -> Vec<SenderRecords> {
        let record = |(number, answer): (&u64, &Answer)| {
            let (error, body) = error_of(answer);
            SeenRecord { number: *number, error, body }
        };
        let mut records = Vec::with_capacity(self.senders.len());
        for (sender, known) in &self.senders {
            let FromOne { low, used_ms, answers } = known;
            let (sender, seen) = (sender.to_string(), answers.iter().map(record).collect());
            records.push(SenderRecords { sender, low: *low, used_ms: *used_ms, seen });
        }
        records
    }
}

impl FromOne {
    fn forget_below(&mut self, low: u64) {
        if low > self.low {
            self.low = low;
            self.answers = self.answers.split_off(&low);
        }
    }
}

fn no_room(why: String) -> Answer {
    Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why))
}
