//! [`LeaseFile`]: persistent storage for in-memory leases.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::BoxFuture;
use crate::leases::{Holding, LeaseError};
use crate::store::{Holder, LeaseId};

/// Keeps leases for good.
pub trait LeaseFile: Send + Sync + 'static {
    /// Keeps changes, all or none. Nothing is answered before it is kept. After an error the same changes come again, with later
    /// ones.
    fn save<'a>(&'a self, changes: &'a LeaseChanges) -> BoxFuture<'a, Result<(), LeaseError>>;

    /// Keeps a number under a name for good, unless there is one; which one there is.
    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>>;
}

/// What was kept: [`LeaseChanges`] after each other, from the first one on.
#[derive(Clone, Debug, Default)]
pub struct KeptLeases {
    /// The largest number of an epoch or a session that was given.
    pub given: u64,
    /// Sessions, which live for a whole TTL from now on.
    pub sessions: BTreeMap<Holder, KeptSession>,
    /// Who held what.
    pub held: BTreeMap<LeaseId, Holding>,
}

/// A session as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptSession {
    /// Its number.
    pub number: u64,
    /// What was promised to its holder.
    pub ttl: Duration,
}

/// What has changed since leases were kept last.
#[derive(Clone, Debug, Default)]
pub struct LeaseChanges {
    /// The largest number of an epoch or a session that was given.
    pub given: u64,
    /// The sessions that have begun or ended.
    pub sessions: Vec<(Holder, Option<KeptSession>)>,
    /// The ids that were granted or freed.
    pub held: Vec<(LeaseId, Option<Holding>)>,
    /// The last change that is among them.
    pub(super) last: u64,
}

impl KeptLeases {
    /// Takes changes in.
    pub fn apply(&mut self, changes: &LeaseChanges) {
        self.given = self.given.max(changes.given);
        for (holder, session) in &changes.sessions {
            match session {
                Some(session) => drop(self.sessions.insert(holder.clone(), *session)),
                None => drop(self.sessions.remove(holder)),
            }
        }
        for (id, holding) in &changes.held {
            match holding {
                Some(holding) => drop(self.held.insert(Arc::clone(id), holding.clone())),
                None => drop(self.held.remove(id)),
            }
        }
    }
}

/// What a board has changed and nobody has kept yet: as much as there are sessions and ids, at most.
#[derive(Debug, Default)]
pub(super) struct Unkept {
    /// Which change of all was the last one of a session or an id.
    pub(super) sessions: BTreeMap<Holder, u64>,
    pub(super) held: BTreeMap<LeaseId, u64>,
    pub(super) count: u64,
}

impl Unkept {
    pub(super) fn note_session(&mut self, holder: &Holder) {
        self.count += 1;
        self.sessions.insert(holder.clone(), self.count);
    }

    pub(super) fn note_held(&mut self, id: &LeaseId) {
        self.count += 1;
        self.held.insert(Arc::clone(id), self.count);
    }
}
