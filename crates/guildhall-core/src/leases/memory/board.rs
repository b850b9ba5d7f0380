//! Sessions, holdings and watchers: what every operation decides on, under one lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::env::Instant;
use crate::leases::{
    Acquired, Holding, LeaseChange, LeaseError, LeaseErrorKind, Origin, Transferred, Wanted,
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
    /// The largest epoch of all ids: one count for all, so that nothing has to be kept per id.
    pub(super) granted: u64,
    /// The largest one that may be granted.
    pub(super) may_grant: u64,
    recorded: BTreeMap<String, u64>,
    watchers: Vec<(String, mpsc::Sender<LeaseChange>)>,
    /// Whether a task looks after the deadlines.
    tended: bool,
}

pub(super) struct Session {
    ttl: Duration,
    pub(super) deadline: Instant,
}

impl Board {
    pub(super) fn new(granted: u64, may_grant: u64) -> Self {
        Self {
            sessions: BTreeMap::new(),
            held: BTreeMap::new(),
            granted,
            may_grant,
            recorded: BTreeMap::new(),
            watchers: Vec::new(),
            tended: false,
        }
    }

    /// A session lives until its deadline, and not at it.
    pub(super) fn expire(&mut self, now: Instant) {
        let is_over = |(_, session): &(&Holder, &Session)| session.deadline <= now;
        let over: Vec<_> = self.sessions.iter().filter(is_over).map(|(h, _)| h.clone()).collect();
        over.iter().for_each(|holder| self.close(holder));
    }

    pub(super) fn open(
        &mut self,
        holder: &Holder,
        ttl: Duration,
        now: Instant,
    ) -> Result<(), LeaseError> {
        self.close(holder);
        if self.sessions.len() >= SESSIONS_MAX {
            let why = format!("{SESSIONS_MAX} holders have sessions; use another lease backend");
            return Err(LeaseError::new(LeaseErrorKind::Invalid, "open", why));
        }
        self.sessions.insert(holder.clone(), Session { ttl, deadline: now + ttl });
        Ok(())
    }

    pub(super) fn keep_alive(&mut self, holder: &Holder, now: Instant) -> Result<(), LeaseError> {
        let session = self.sessions.get_mut(holder);
        let session = session.ok_or_else(|| no_session("keep_alive", holder))?;
        session.deadline = now + session.ttl;
        Ok(())
    }

    pub(super) fn close(&mut self, holder: &Holder) {
        if self.sessions.remove(holder).is_none() {
            return;
        }
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
        self.granted = self.granted.max(at_least) + 1;
        let holding = Holding { holder: holder.clone(), epoch: self.granted, from };
        self.held.insert(Arc::clone(id), holding.clone());
        self.tell(id, &LeaseChange::Held(Arc::clone(id), holding));
        self.granted
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
    ) -> Result<Transferred, LeaseError> {
        if !self.is_held_by(holder, id, epoch) {
            return Ok(Transferred::NotYours(self.held.get(id).cloned()));
        }
        if !self.sessions.contains_key(to) {
            return Ok(Transferred::NobodyThere);
        }
        Ok(Transferred::Done(self.grant(id, to, 0, Some(Origin { epoch, offer }))))
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

    fn free(&mut self, id: &LeaseId) {
        if self.held.remove(id).is_some() {
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
