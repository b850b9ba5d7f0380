//! [`LeaseFile`]: where leases in memory keep what a restart must not forget.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::board::Board;
use crate::BoxFuture;
use crate::leases::{Holding, LeaseError};
use crate::store::{Holder, LeaseId};

/// Keeps leases for good.
pub trait LeaseFile: Send + Sync + 'static {
    /// Keeps changes, all or none. Nothing is answered before it is kept. After an error the same changes come again, with later
    /// ones.
    fn keep<'a>(&'a self, changes: &'a LeaseChanges) -> BoxFuture<'a, Result<(), LeaseError>>;

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
    last: u64,
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
    sessions: BTreeMap<Holder, u64>,
    held: BTreeMap<LeaseId, u64>,
    count: u64,
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

impl Board {
    /// What is to be kept; `None` when all is.
    pub(super) fn to_keep(&self) -> Option<LeaseChanges> {
        let unkept = self.unkept.as_ref()?;
        let session = |holder: &Holder| {
            let session = self.sessions.get(holder)?;
            Some(KeptSession { number: session.number, ttl: session.ttl })
        };
        let sessions = unkept.sessions.keys().map(|holder| (holder.clone(), session(holder)));
        let held = unkept.held.keys().map(|id| (Arc::clone(id), self.held.get(id).cloned()));
        let changes = LeaseChanges {
            given: self.given,
            sessions: sessions.collect(),
            held: held.collect(),
            last: unkept.count,
        };
        (!changes.sessions.is_empty() || !changes.held.is_empty()).then_some(changes)
    }

    /// They are kept. What has changed since they were taken is not.
    pub(super) fn kept(&mut self, changes: &LeaseChanges) {
        let Some(unkept) = &mut self.unkept else { return };
        unkept.sessions.retain(|_, at| *at > changes.last);
        unkept.held.retain(|_, at| *at > changes.last);
    }
}
