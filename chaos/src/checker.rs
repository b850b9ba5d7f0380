//! The judge: from the histories of all players and the store at the end to what was promised and not kept. Pure.
//!
//! | verdict | what |
//! |---|---|
//! | lost | acked, and not in the store |
//! | duplicated | in the store twice; or once, although it never ran as far as its caller was told; or nobody asked for it |
//! | stale write | the order of a ledger has changed after it was told: two owners have written, or one wrote what others had changed |
//! | stale read | an answer that does not show what was acked, or shown, before it was asked for |
//!
//! A call of which nobody knows whether it ran may be in the store, once, or not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::history::{Asked, At, Final, History, Outcome, Record};

/// Findings that are explained; the rest is counted.
const EXPLAINED_MAX: usize = 20;

/// What is wrong, and how much went well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) acked: u64,
    pub(crate) unknown: u64,
    pub(crate) not_run: u64,
    pub(crate) refused: u64,
    pub(crate) repeats: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) stale_writes: u64,
    pub(crate) stale_reads: u64,
    /// Players of whom nothing was ever acked.
    pub(crate) silent: Vec<String>,
    /// The longest time in which a player wanted something and got no answer.
    pub(crate) unavailable: Duration,
    /// The first findings, in words.
    pub(crate) explained: Vec<String>,
}

/// Judges a run that ended at `end`.
pub(crate) fn check(histories: &[History], finals: &BTreeMap<String, Final>, end: At) -> Verdict {
    let mut verdict = Verdict::default();
    let none = Final::default();
    for history in histories {
        let is_final = finals.get(&history.player).unwrap_or(&none);
        count(&mut verdict, history, end);
        appends(&mut verdict, history, is_final);
        reads(&mut verdict, history, is_final);
        transfers(&mut verdict, history, is_final);
    }
    verdict
}

impl Verdict {
    /// Whether a promise was broken.
    pub(crate) fn is_broken(&self) -> bool {
        self.lost + self.duplicated + self.stale_writes + self.stale_reads > 0
    }

    fn explain(&mut self, why: impl FnOnce() -> String) {
        if self.explained.len() < EXPLAINED_MAX {
            self.explained.push(why());
        }
    }

    fn lost(&mut self, why: impl FnOnce() -> String) {
        self.lost += 1;
        self.explain(|| format!("lost: {}", why()));
    }

    fn duplicated(&mut self, why: impl FnOnce() -> String) {
        self.duplicated += 1;
        self.explain(|| format!("duplicated: {}", why()));
    }

    fn stale_write(&mut self, why: impl FnOnce() -> String) {
        self.stale_writes += 1;
        self.explain(|| format!("stale write: {}", why()));
    }

    fn stale_read(&mut self, why: impl FnOnce() -> String) {
        self.stale_reads += 1;
        self.explain(|| format!("stale read: {}", why()));
    }
}

fn count(verdict: &mut Verdict, history: &History, end: At) {
    let mut acked = 0;
    for record in &history.records {
        match &record.outcome {
            Outcome::Refused => verdict.refused += 1,
            Outcome::NotRun => verdict.not_run += 1,
            Outcome::Unknown(_) => verdict.unknown += 1,
            _ => acked += 1,
        }
    }
    if acked == 0 {
        verdict.silent.push(history.player.clone());
    }
    verdict.acked += acked;
    verdict.repeats += history.repeats;
    verdict.unavailable = verdict.unavailable.max(unavailable(&history.records, end));
}

/// The longest time from when something was asked for, or answered while more was asked for, to the next answer.
fn unavailable(records: &[Record], end: At) -> Duration {
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum What {
        Begun,
        Answered,
        Failed,
    }
    let mut events = Vec::new();
    for record in records {
        let ended = if record.outcome.is_answer() { What::Answered } else { What::Failed };
        events.extend([(record.begun, What::Begun), (record.ended, ended)]);
    }
    events.sort_unstable();
    let (mut longest, mut since, mut running) = (Duration::ZERO, None, 0_u32);
    for (at, what) in events {
        match what {
            What::Begun => {
                running += 1;
                since = since.or(Some(at));
            }
            // The player still has got nothing.
            What::Failed => running = running.saturating_sub(1),
            What::Answered => {
                running = running.saturating_sub(1);
                longest = longest.max(at.saturating_sub(since.unwrap_or(at)));
                since = (running > 0).then_some(at);
            }
        }
    }
    longest.max(since.map_or(Duration::ZERO, |since| end.saturating_sub(since)))
}

fn appends(verdict: &mut Verdict, history: &History, is_final: &Final) {
    let player = &history.player;
    let mut times = BTreeMap::<u64, u64>::new();
    for op in &is_final.ledger {
        *times.entry(*op).or_default() += 1;
    }
    let mut asked = BTreeSet::new();
    let mut places = BTreeMap::new();
    for record in &history.records {
        let Asked::Append(op) = record.asked else { continue };
        asked.insert(op);
        let found = times.get(&op).copied().unwrap_or_default();
        match (&record.outcome, found) {
            (Outcome::Appended(place), 0) => {
                let at = record.ended;
                verdict.lost(|| format!("{player}: operation {op}, acked at {at:?} as {place}"));
            }
            (Outcome::NotRun | Outcome::Refused, 1..) => {
                verdict.duplicated(|| format!("{player}: operation {op} is there; it did not run"));
            }
            (_, 2..) => verdict.duplicated(|| format!("{player}: operation {op}, {found} times")),
            _ => {}
        }
        let Outcome::Appended(place) = record.outcome else { continue };
        if let Some(other) = places.insert(place, op) {
            verdict.stale_write(|| format!("{player}: {other} and {op} were both told {place}"));
        } else if found > 0 && at_place(&is_final.ledger, place) != Some(op) {
            verdict.stale_write(|| format!("{player}: operation {op} is no more at {place}"));
        }
    }
    for op in times.keys().filter(|op| !asked.contains(op)) {
        verdict.duplicated(|| format!("{player}: nobody asked for operation {op}"));
    }
}

fn at_place(ledger: &[u64], place: u64) -> Option<u64> {
    ledger.get(usize::try_from(place.checked_sub(1)?).ok()?).copied()
}

fn reads(verdict: &mut Verdict, history: &History, is_final: &Final) {
    let (player, ledger) = (&history.player, &is_final.ledger);
    let is_same = |(seen, there): &(&u64, &u64)| seen == there;
    let common = history.seen.iter().zip(ledger).take_while(is_same).count();
    let mut reads: Vec<_> = history.records.iter().filter(|r| r.asked == Asked::Read).collect();
    reads.sort_by_key(|read| read.begun);
    for read in reads {
        let at = read.begun;
        let length = match &read.outcome {
            Outcome::Listed(length) => *length,
            Outcome::Contradicted(list) => {
                let list = tail(list);
                verdict
                    .stale_write(|| format!("{player}: at {at:?} its ledger was another: {list}"));
                continue;
            }
            _ => continue,
        };
        if length > common {
            let (seen, there) = (tail(&history.seen), tail(ledger));
            verdict.stale_write(|| {
                format!("{player}: {length} operations at {at:?}, of {seen}; there is {there}")
            });
        }
        // What was told before it was asked for. What is lost is counted there.
        let known = history.records.iter().filter(|record| record.ended < at);
        let known = known.filter_map(|record| match record.outcome {
            Outcome::Appended(place) => usize::try_from(place).ok(),
            Outcome::Listed(length) => Some(length),
            _ => None,
        });
        let known = known.max().unwrap_or_default();
        if known > length && ledger.len() >= known {
            verdict.stale_read(|| format!("{player}: {length} of {known} operations at {at:?}"));
        }
    }
}

/// The end of a list, in words.
fn tail(list: &[u64]) -> String {
    let begin = list.len().saturating_sub(5);
    format!("{} that end with {:?}", list.len(), &list[begin..])
}

/// Transfers have no ids of their own in the store: their numbers say how many there were.
fn transfers(verdict: &mut Verdict, history: &History, is_final: &Final) {
    let (player, number) = (&history.player, is_final.number);
    let (mut numbers, mut maybe) = (BTreeSet::new(), 0);
    for record in history.records.iter().filter(|record| record.asked == Asked::Transfer) {
        match record.outcome {
            Outcome::Paid(paid) if paid > number => {
                verdict.lost(|| format!("{player}: transfer {paid}, the last one is {number}"));
            }
            Outcome::Paid(paid) if !numbers.insert(paid) => {
                verdict.stale_write(|| format!("{player}: two transfers have the number {paid}"));
            }
            Outcome::Unknown(_) => maybe += 1,
            _ => {}
        }
    }
    let most = numbers.len() as u64 + maybe;
    if number > most {
        let extra = number - most;
        verdict.duplicated += extra - 1;
        verdict.duplicated(|| format!("{player}: {number} transfers, at most {most} were made"));
    }
}

#[cfg(test)]
mod tests;
