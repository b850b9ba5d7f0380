//! The outbox of one actor: messages in its row, removed when their receiver has answered (rule 27).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::{Key, MethodDesc};
use serde::{Deserialize, Serialize};

use crate::actor::config::MESSAGES_OF_VERSION;

/// A message for another actor.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: &'static MethodDesc,
    /// The encoded request.
    pub(crate) body: Bytes,
    /// Its receiver.
    pub(crate) key: Key,
}

/// What an actor says to itself: one of its own methods, and the encoded request.
#[derive(Clone, Debug)]
pub(crate) struct OwnCall {
    pub(crate) method: &'static MethodDesc,
    pub(crate) body: Bytes,
}

/// `[outbox]`: delivery of actors' messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutboxConfig {
    /// Deadline of one delivery attempt, in ms. Too small: attempts are repeated although the receiver is working.
    pub timeout_ms: u64,
    /// First pause before a message is sent again, in ms; doubles up to `retry_max_ms`.
    pub retry_ms: u64,
    /// Longest pause before a message is sent again, in ms. Too large: messages are late after an outage of the receiver.
    pub retry_max_ms: u64,
    /// Time that an unanswered attempt may still be in flight, in ms, before its receiver is asked to forget the message. Too small: a
    /// later copy runs once more.
    pub late_ms: u64,
    /// Receivers that are being notified at a time that a sender has no message in flight for them. Beyond it, a receiver forgets the
    /// sender only after `actor.NAME.dedup_ms`.
    pub tells_max: usize,
    /// Methods of other apps that messages in rows may name.
    pub methods_max: usize,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 5_000,
            retry_ms: 100,
            retry_max_ms: 30_000,
            late_ms: 30_000,
            tells_max: 4_096,
            methods_max: 4_096,
        }
    }
}

impl OutboxConfig {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn late(&self) -> Duration {
        Duration::from_millis(self.late_ms)
    }

    pub(crate) fn pause(&self, tries: u32) -> Duration {
        let pause = self.retry_ms.saturating_mul(1 << tries.min(16));
        Duration::from_millis(pause.min(self.retry_max_ms))
    }
}

/// Messages by number, which is never used again. Bounded by `outbox_max`.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) next: u64,
    pub(crate) letters: BTreeMap<u64, Letter>,
    /// The first number that the present turn gives.
    turn: u64,
}

#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) message: Outgoing,
    /// What runs if the receiver refuses.
    pub(crate) otherwise: Option<OwnCall>,
    pub(crate) stage: Stage,
    /// Not sent before.
    at: Instant,
    tries: u32,
    /// Until then an earlier attempt may still be on its way.
    uncertain: Instant,
    /// There was an attempt of which nobody knows what became of it.
    doubtful: bool,
}

/// A receiver whose messages are all done with: it may forget what it knows of them.
#[derive(Clone, Debug)]
pub(crate) struct Drained {
    /// The method of the last one.
    pub(crate) method: &'static MethodDesc,
    pub(crate) key: Key,
    /// No message below this number is sent again.
    pub(crate) low: u64,
    /// A copy of one may still be on its way.
    pub(crate) doubtful: bool,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In no commit.
    New,
    /// In the commit that is under way.
    Saving,
    /// In the row: it may be sent.
    Stored,
    /// On its way.
    Sent,
    /// The receiver has refused, and what is to run then has not run.
    Refused,
    /// Done with, but still in the row.
    Answered,
    /// The commit that is under way takes it out of the row.
    Leaving,
}

impl Outbox {
    /// Numbers go on above those of a row that was here before, was deleted, and has left nothing: its receivers may remember them.
    /// Versions never go back, whatever was removed, and each counts for more messages than it can have.
    pub(crate) fn begin_above(&mut self, version: u64) {
        if self.next == 0 {
            self.next = version.saturating_sub(1) << MESSAGES_OF_VERSION;
        }
    }
}

/// What is to be sent now.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) number: u64,
    /// The lowest number that may still be sent to this receiver.
    pub(crate) low: u64,
    /// How often it was sent before.
    pub(crate) tries: u32,
    pub(crate) message: Outgoing,
}

/// What the receiver has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It has run.
    Taken,
    /// It has run, and failed: this is final.
    Refused,
    /// It has not run, and would not the next time either.
    Impossible,
    /// It has not run.
    NotNow,
    /// Nobody knows.
    Unknown,
}

impl Outbox {
    /// One message more, to be sent when it is in the row; its number.
    pub(crate) fn add(&mut self, message: Outgoing, now: Instant) -> u64 {
        self.next = self.next.max(1);
        let number = self.next;
        self.next += 1;
        self.put(number, message, None, Stage::New, (now, now));
        number
    }

    /// One that was in the row already. An owner before may have sent it, until `uncertain`.
    pub(crate) fn put(
        &mut self,
        number: u64,
        message: Outgoing,
        otherwise: Option<OwnCall>,
        stage: Stage,
        (at, uncertain): (Instant, Instant),
    ) {
        let doubtful = uncertain > at;
        let letter = Letter { message, otherwise, stage, at, tries: 0, uncertain, doubtful };
        self.letters.insert(number, letter);
        self.next = self.next.max(number + 1);
    }

    /// The messages of the turn stay.
    pub(crate) fn keep_turn(&mut self) {
        self.turn = self.next;
    }

    /// The messages of the turn are taken back: they were in no row.
    pub(crate) fn undo_turn(&mut self) {
        drop(self.letters.split_off(&self.turn));
        self.next = self.turn;
    }

    /// Messages that have not been answered.
    pub(crate) fn waiting(&self) -> usize {
        let waits = |letter: &&Letter| !matches!(letter.stage, Stage::Answered | Stage::Leaving);
        self.letters.values().filter(waits).count()
    }

    /// Whether the row has to change.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.letters.values().any(|l| matches!(l.stage, Stage::New | Stage::Answered))
    }

    /// Takes what is to be sent now: of each receiver the first, so that it gets them in their order.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Sending> {
        let due: Vec<u64> = self
            .heads()
            .filter(|(_, letter)| letter.stage == Stage::Stored && letter.at <= now)
            .map(|(number, _)| number)
            .collect();
        let sending = |number: u64| {
            let message = self.letters.get(&number)?.message.clone();
            let of_receiver = self.letters.iter().find(|(_, l)| l.message.key == message.key);
            let low = of_receiver.map_or(number, |(low, _)| *low);
            let letter = self.letters.get_mut(&number)?;
            letter.stage = Stage::Sent;
            Some(Sending { number, low, tries: letter.tries, message })
        };
        due.into_iter().filter_map(sending).collect()
    }

    /// When the next one is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let stored = self.heads().filter(|(_, letter)| letter.stage == Stage::Stored);
        stored.map(|(_, letter)| letter.at).min()
    }

    /// The first message of each receiver that is not answered.
    fn heads(&self) -> impl Iterator<Item = (u64, &Letter)> {
        let mut seen = BTreeSet::new();
        let waits = |stage| !matches!(stage, Stage::Refused | Stage::Answered | Stage::Leaving);
        let letters = self.letters.iter().filter(move |(_, letter)| waits(letter.stage));
        letters
            .filter(move |(_, l)| seen.insert((l.message.method.service, &l.message.key)))
            .map(|(number, letter)| (*number, letter))
    }

    /// The receiver has answered; whether it has refused for good.
    pub(crate) fn answered(
        &mut self,
        number: u64,
        answer: Answered,
        now: Instant,
        config: &OutboxConfig,
    ) -> bool {
        let Some(letter) = self.letters.get_mut(&number).filter(|l| l.stage == Stage::Sent) else {
            return false;
        };
        let refused = match answer {
            Answered::Taken => {
                letter.stage = Stage::Answered;
                return false;
            }
            Answered::Refused => true,
            // An earlier attempt may still arrive, and run.
            Answered::Impossible => letter.uncertain <= now,
            Answered::NotNow | Answered::Unknown => false,
        };
        if refused {
            letter.stage = match letter.otherwise {
                Some(_) => Stage::Refused,
                None => Stage::Answered,
            };
            return true;
        }
        letter.stage = Stage::Stored;
        if answer == Answered::Unknown {
            letter.uncertain = now + config.timeout();
            letter.doubtful = true;
        }
        letter.at = match answer {
            Answered::Impossible => letter.uncertain,
            _ => now + config.pause(letter.tries),
        };
        letter.tries += 1;
        false
    }

    /// The first message whose refusal is to be dealt with.
    pub(crate) fn refused(&self) -> Option<(u64, OwnCall)> {
        let refused = |(number, letter): (&u64, &Letter)| {
            (letter.stage == Stage::Refused).then_some(())?;
            Some((*number, letter.otherwise.clone()?))
        };
        self.letters.iter().find_map(refused)
    }

    /// What was to run has run.
    pub(crate) fn done(&mut self, number: u64) {
        if let Some(letter) = self.letters.get_mut(&number) {
            letter.stage = Stage::Answered;
        }
    }

    /// The messages that belong into the row.
    pub(crate) fn of_row(&self) -> impl Iterator<Item = (u64, &Letter)> {
        let letters = self.letters.iter();
        letters
            .filter(|(_, letter)| !matches!(letter.stage, Stage::Answered | Stage::Leaving))
            .map(|(number, letter)| (*number, letter))
    }

    /// A commit begins that has all of [`Outbox::of_row`], and nothing else.
    pub(crate) fn begin_save(&mut self) {
        for letter in self.letters.values_mut() {
            letter.stage = match letter.stage {
                Stage::New => Stage::Saving,
                Stage::Answered => Stage::Leaving,
                stage => stage,
            };
        }
    }

    /// It is in the store, or not; the receivers whose last message has left the row with it.
    pub(crate) fn saved(&mut self, saved: bool) -> Vec<Drained> {
        let mut drained: BTreeMap<(&str, Key), Drained> = BTreeMap::new();
        self.letters.retain(|number, letter| {
            letter.stage = match (letter.stage, saved) {
                (Stage::Leaving, true) => {
                    let Outgoing { method, key, .. } = &letter.message;
                    let (key, doubtful) = (key.clone(), letter.doubtful);
                    let one = Drained { method, key: key.clone(), low: number + 1, doubtful };
                    let all = drained.entry((method.service, key)).or_insert(one);
                    (all.low, all.doubtful) = (number + 1, all.doubtful || doubtful);
                    return false;
                }
                (Stage::Leaving, false) => Stage::Answered,
                (Stage::Saving, true) => Stage::Stored,
                (Stage::Saving, false) => Stage::New,
                (stage, _) => stage,
            };
            true
        });
        for (number, letter) in &self.letters {
            let Outgoing { method, key, .. } = &letter.message;
            drained.remove(&(method.service, key.clone()));
            // Another service of the same actor, maybe.
            for drained in drained.values_mut().filter(|drained| drained.key == *key) {
                drained.low = drained.low.min(*number);
            }
        }
        drained.into_values().collect()
    }

    /// Forgets what no row will have; how many messages.
    pub(crate) fn drop_new(&mut self) -> usize {
        let before = self.letters.len();
        self.letters.retain(|_, letter| letter.stage != Stage::New);
        before - self.letters.len()
    }
}
