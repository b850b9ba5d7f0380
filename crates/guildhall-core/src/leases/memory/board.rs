//! Lease sessions, held leases and watchers, under one lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::file::{KeptLeases, KeptSession, LeaseChanges, Unkept};
use crate::env::Instant;
use crate::leases::{
    Acquired, Holding, LeaseChange, LeaseError, LeaseErrorKind, Opened, Origin, Transferred, Wanted,
};
use crate::store::{Holder, LeaseId};

/// How many holders may have a session.
pub const SESSIONS_MAX: usize = 4096;

/// How many ids may be held.
pub const HELD_MAX: usize = 262_144;

/// How many numbers may be recorded.
pub const RECORDED_MAX: usize = 4096;

/// How many changes a watcher may be behind, after its snapshot.
pub const WATCH_BUFFER: usize = 4096;

pub(super) struct Board {
    pub(super) sessions: BTreeMap<Holder, Session>,
    pub(super) held: BTreeMap<LeaseId, Holding>,
    /// The largest epoch of all ids, and number of all sessions: one count for all, so that nothing has to be kept per id.
    pub(super) given: u64,
    /// What is to be kept, where anything is.
    pub(super) unkept: Option<Unkept>,
    recorded: BTreeMap<String, u64>,
    watchers: Vec<(String, mpsc::Sender<LeaseChange>)>,
    /// Whether a task looks after the deadlines.
    tended: bool,
}

pub(super) struct Session {
    pub(super) number: u64,
    pub(super) ttl: Duration,
    pub(super) deadline: Instant,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            sessions: BTreeMap::new(),
            held: BTreeMap::new(),
            given: 0,
            unkept: None,
            recorded: BTreeMap::new(),
            watchers: Vec::new(),
            tended: false,
        }
    }

    /// What was kept is as it was. Nobody knows how long ago a session was renewed, so each has its whole TTL.
    pub(super) fn kept_until(kept: KeptLeases, now: Instant) -> Self {
        let session = |kept: KeptSession| Session {
            number: kept.number,
            ttl: kept.ttl,
            deadline: now + kept.ttl,
        };
        let sessions = kept.sessions.into_iter().map(|(holder, kept)| (holder, session(kept)));
        let sessions: BTreeMap<_, _> = sessions.collect();
        let held = kept.held.into_iter().filter(|(_, of)| sessions.contains_key(&of.holder));
        let (held, unkept) = (held.collect(), Some(Unkept::default()));
        Self { sessions, held, given: kept.given, unkept, ..Self::new() }
    }

    /// A session lives until its deadline, and not at it.
    pub(super) fn expire(&mut self, now: Instant) {
        let is_over = |(_, session): &(&Holder, &Session)| session.deadline <= now;
        let over: Vec<_> = self.sessions.iter().filter(is_over).map(|(h, _)| h.clone()).collect();
        over.iter().for_each(|holder| self.end(holder));
    }

    pub(super) fn open(
        &mut self,
        holder: &Holder,
        instead_of: Option<u64>,
        ttl: Duration,
        now: Instant,
    ) -> Result<Opened, LeaseError> {
        // A late copy of a request names an earlier session, or none.
        match self.sessions.get(holder).map(|session| session.number) {
            Some(living) if Some(living) != instead_of => return Ok(Opened::Living(living)),
            Some(_) => self.end(holder),
            None => {}
        }
        if self.sessions.len() >= SESSIONS_MAX {
            let why = format!("{SESSIONS_MAX} holders have sessions; use another lease backend");
            return Err(LeaseError::new(LeaseErrorKind::Invalid, "open", why));
        }
        self.given += 1;
        let session = Session { number: self.given, ttl, deadline: now + ttl };
        self.sessions.insert(holder.clone(), session);
        self.note_session(holder);
        Ok(Opened::New(self.given))
    }

    pub(super) fn keep_alive(
        &mut self,
        holder: &Holder,
        number: u64,
        now: Instant,
    ) -> Result<(), LeaseError> {
        let session = self.sessions.get_mut(holder).filter(|session| session.number == number);
        let session = session.ok_or_else(|| no_session("keep_alive", holder))?;
        session.deadline = now + session.ttl;
        Ok(())
    }

    pub(super) fn close(&mut self, holder: &Holder, number: u64) {
        if self.sessions.get(holder).is_some_and(|session| session.number == number) {
            self.end(holder);
        }
    }

    fn end(&mut self, holder: &Holder) {
        self.sessions.remove(holder);
        self.note_session(holder);
        let mine = |(_, holding): &(&LeaseId, &Holding)| holding.holder == *holder;
        let freed: Vec<_> = self.held.iter().filter(mine).map(|(id, _)| Arc::clone(id)).collect();
        freed.iter().for_each(|id| self.free(id));
    }

    pub(super) fn acquire(
        &mut self,
        holder: &Holder,
        wanted: &[Wanted],
    ) -> Result<Vec<Acquired>, LeaseError> {
        if !self.sessions.contains_key(holder) {
            return Err(no_session("acquire", holder));
        }
        if self.held.len() + wanted.len() > HELD_MAX {
            let why = format!("{HELD_MAX} ids are held; use another lease backend");
            return Err(LeaseError::new(LeaseErrorKind::Invalid, "acquire", why));
        }
        Ok(wanted.iter().map(|wish| self.acquire_one(holder, wish)).collect())
    }

    fn acquire_one(&mut self, holder: &Holder, wish: &Wanted) -> Acquired {
        // Whoever holds it already keeps where it comes from: it may not have heard of the transfer.
        let from = match self.held.get(&wish.id) {
            Some(other) if other.holder != *holder => {
                return Acquired::Taken { holder: other.holder.clone(), epoch: other.epoch };
            }
            Some(own) => own.from,
            None => None,
        };
        let epoch = self.grant(&wish.id, holder, wish.at_least, from);
        Acquired::Held { epoch, from }
    }

    fn grant(&mut self, id: &LeaseId, holder: &Holder, at_least: u64, from: Option<Origin>) -> u64 {
        self.given = self.given.max(at_least) + 1;
        let holding = Holding { holder: holder.clone(), epoch: self.given, from };
        self.held.insert(Arc::clone(id), holding.clone());
        self.note_held(id);
        self.tell(id, &LeaseChange::Held(Arc::clone(id), holding));
        self.given
    }

    pub(super) fn release(&mut self, holder: &Holder, id: &LeaseId, epoch: u64) {
        if self.is_held_by(holder, id, epoch) {
            self.free(id);
        }
    }

    pub(super) fn transfer(
        &mut self,
        holder: &Holder,
        id: &LeaseId,
        epoch: u64,
        to: &Holder,
        offer: u64,
    ) -> Transferred {
        if !self.is_held_by(holder, id, epoch) {
            return Transferred::NotYours(self.held.get(id).cloned());
        }
        if !self.sessions.contains_key(to) {
            return Transferred::NobodyThere;
        }
        Transferred::Done(self.grant(id, to, 0, Some(Origin { epoch, offer })))
    }

    pub(super) fn record(&mut self, name: &str, number: u64) -> Result<u64, LeaseError> {
        if let Some(recorded) = self.recorded.get(name) {
            return Ok(*recorded);
        }
        if self.recorded.len() >= RECORDED_MAX {
            let why = format!("{RECORDED_MAX} numbers are recorded; use another lease backend");
            return Err(LeaseError::new(LeaseErrorKind::Invalid, "record", why));
        }
        self.recorded.insert(name.to_owned(), number);
        Ok(number)
    }

    fn is_held_by(&self, holder: &Holder, id: &LeaseId, epoch: u64) -> bool {
        self.held.get(id).is_some_and(|held| held.holder == *holder && held.epoch == epoch)
    }

    fn note_session(&mut self, holder: &Holder) {
        if let Some(unkept) = &mut self.unkept {
            unkept.note_session(holder);
        }
    }

    fn note_held(&mut self, id: &LeaseId) {
        if let Some(unkept) = &mut self.unkept {
            unkept.note_held(id);
        }
    }

    fn free(&mut self, id: &LeaseId) {
        if self.held.remove(id).is_some() {
            self.note_held(id);
            self.tell(id, &LeaseChange::Free(Arc::clone(id)));
        }
    }

    /// A watch, and whether a task looks after the deadlines already.
    pub(super) fn watch(&mut self, prefix: &str) -> (mpsc::Receiver<LeaseChange>, bool) {
        let held = self.held.iter().filter(|(id, _)| id.starts_with(prefix));
        let held = held.map(|(id, holding)| LeaseChange::Held(Arc::clone(id), holding.clone()));
        let snapshot: Vec<_> = held.chain([LeaseChange::Synced]).collect();
        let (changes, watch) = mpsc::channel(snapshot.len() + WATCH_BUFFER);
        for change in snapshot {
            // It fits, and the receiver is here.
            drop(changes.try_send(change));
        }
        self.watchers.push((prefix.to_owned(), changes));
        (watch, std::mem::replace(&mut self.tended, true))
    }

    /// Whether anybody watches; if not, the task that looks after the deadlines ends.
    pub(super) fn is_watched(&mut self) -> bool {
        self.watchers.retain(|(_, watcher)| !watcher.is_closed());
        self.tended = !self.watchers.is_empty();
        self.tended
    }

    /// A watcher whose buffer is full loses its stream, and so learns that it must start over.
    fn tell(&mut self, id: &LeaseId, change: &LeaseChange) {
        self.watchers.retain(|(prefix, watcher)| {
            !id.starts_with(prefix.as_str()) || watcher.try_send(change.clone()).is_ok()
        });
    }
}

fn no_session(operation: &'static str, holder: &Holder) -> LeaseError {
    let why = format!("{holder} has no session, or it has expired; open one and acquire again");
    LeaseError::new(LeaseErrorKind::Expired, operation, why)
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
