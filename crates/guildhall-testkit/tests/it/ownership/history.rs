//! [`History`]: what all clients were told, and whether it fits what a ledger holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

/// What a client was told of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is in the ledger, which had so many then.
    Done(u64),
    NotRun,
    /// It may be there.
    Unknown,
}

/// What all clients were told. Clones share it.
#[derive(Clone, Default)]
pub(super) struct History(Arc<Mutex<Past>>);

#[derive(Default)]
struct Past {
    last_op: u64,
    ops: BTreeMap<u64, Op>,
    reads: Vec<(Read, Vec<u64>)>,
    /// By key: how many the ledger had at least, as somebody was told.
    told: BTreeMap<String, u64>,
}

struct Op {
    key: String,
    told: Option<Told>,
}

/// A read that has begun.
pub(super) struct Read {
    key: String,
    /// How many operations it must show, as somebody had been told.
    at_least: u64,
}

impl History {
    /// A new operation; its number.
    pub(super) fn begin(&self, key: &str) -> u64 {
        let mut past = self.0.lock();
        past.last_op += 1;
        let op = past.last_op;
        past.ops.insert(op, Op { key: key.to_owned(), told: None });
        op
    }

    pub(super) fn end(&self, op: u64, told: Told) {
        let mut past = self.0.lock();
        let op = past.ops.get_mut(&op).expect("it has begun");
        op.told = Some(told);
        if let Told::Done(count) = told {
            let key = op.key.clone();
            past.was_told(key, count);
        }
    }

    pub(super) fn begin_read(&self, key: &str) -> Read {
        let at_least = self.0.lock().told.get(key).copied().unwrap_or_default();
        Read { key: key.to_owned(), at_least }
    }

    pub(super) fn end_read(&self, read: Read, ops: Vec<u64>) {
        let mut past = self.0.lock();
        past.reads.push((read, ops));
    }

    pub(super) fn acknowledged(&self) -> usize {
        let is_done = |op: &&Op| matches!(op.told, Some(Told::Done(_)));
        self.0.lock().ops.values().filter(is_done).count()
    }

    /// Compares what the clients were told with what the ledger of `key` holds in the end. What a read shows is in the store or will
    /// be, with all that was told to anybody before it began.
    pub(super) fn check(&self, key: &str, ledger: &[u64]) {
        let past = self.0.lock();
        let once: BTreeSet<_> = ledger.iter().collect();
        assert_eq!(once.len(), ledger.len(), "{key} holds an operation twice: {ledger:?}");
        for op in ledger {
            let begun = past.ops.get(op).filter(|begun| begun.key == key);
            let told = begun.unwrap_or_else(|| panic!("{key} holds {op}, which nobody added")).told;
            assert_ne!(told, Some(Told::NotRun), "{key} holds {op}, of which it was said: not run");
        }
        for (number, op) in past.ops.iter().filter(|(_, op)| op.key == key) {
            if let Some(Told::Done(count)) = op.told {
                let there = usize::try_from(count - 1).ok().and_then(|at| ledger.get(at));
                assert_eq!(
                    there,
                    Some(number),
                    "{number} was acknowledged as number {count} of {key}: {ledger:?}"
                );
            }
        }
        for (read, ops) in past.reads.iter().filter(|(read, _)| read.key == key) {
            assert!(ledger.starts_with(ops), "{key} was read as {ops:?} and is {ledger:?}");
            let (shown, told) = (ops.len() as u64, read.at_least);
            assert!(shown >= told, "a read of {key} showed {shown} when {told} had been told");
        }
    }
}

impl Past {
    fn was_told(&mut self, key: String, count: u64) {
        let told = self.told.entry(key).or_default();
        *told = count.max(*told);
    }
}
