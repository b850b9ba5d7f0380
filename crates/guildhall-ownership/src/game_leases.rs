//! [`GameLeases`]: the game leases of this app (`cx.lease`), as it knows them.
//!
//! A lease is here while it is asked for, while it is held, and until it has been given back. Asking, giving and giving back are in
//! `lease`, and work on this table.

mod grant;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::leases::{LeaseSession, Origin};
use guildhall_core::store::LeaseId;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::payload::Payload;
use crate::present::PresentSession;

pub(crate) use grant::{Grant, GrantState, MoveOut};

/// Prefix of their ids at the lease backend. No slot has such an id: in it a number follows `NAME/`.
pub(crate) const PREFIX: &str = "user//";

/// Game leases, by their ids at the backend.
#[derive(Default)]
pub(crate) struct GameLeases {
    leases: Mutex<BTreeMap<LeaseId, Entry>>,
    begun: AtomicBool,
    /// Wakes the task that gives back.
    pub(crate) to_give_back: Notify,
}

enum Entry {
    /// The backend, or the holder, is being asked. What the holder gives along waits here (rule 19).
    Asking(Option<(Origin, Bytes)>),
    Held(Arc<Grant>),
    /// Must be given back: the grant of this epoch, or any that the backend says that we have.
    Unwanted(Option<u64>),
}

/// Why a lease cannot be asked for.
pub(crate) enum Busy {
    /// It is held in this app.
    Here(Arc<Grant>),
    /// It is being asked for, or on its way to another app.
    Soon,
    /// There are too many.
    Full,
}

/// What becomes of a grant that is taken out of the table.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    /// It is another app's.
    Gone,
    /// It is given back: that of this epoch, or any that the backend says that we have.
    Unwanted(Option<u64>),
}

/// The leases that must be given back.
pub(crate) struct ToGiveBack {
    pub(crate) grants: Vec<(LeaseId, u64)>,
    /// Leases whose epochs are not known. They are being asked for from now on, to know them.
    pub(crate) unknown: Vec<LeaseId>,
}

impl GameLeases {
    /// Whether this is the first call.
    pub(crate) fn begin(&self) -> bool {
        !self.begun.swap(true, Ordering::AcqRel)
    }

    /// Begins to ask for a lease, unless it is busy, or `max` are here.
    pub(crate) fn begin_asking(&self, id: &LeaseId, max: usize) -> Result<(), Busy> {
        let mut leases = self.leases.lock();
        match leases.get(id) {
            Some(Entry::Asking(_)) => return Err(Busy::Soon),
            Some(Entry::Held(grant)) if grant.is_held() => {
                return Err(Busy::Here(Arc::clone(grant)));
            }
            Some(Entry::Held(grant)) if grant.state() == GrantState::Given => {
                return Err(Busy::Soon);
            }
            None if leases.len() >= max => return Err(Busy::Full),
            // A grant that must be given back ends with the next grant.
            Some(Entry::Held(_) | Entry::Unwanted(_)) | None => {}
        }
        leases.insert(Arc::clone(id), Entry::Asking(None));
        Ok(())
    }

    /// Begins to ask for a lease whose grant the game has let go for another part of this app.
    pub(crate) fn begin_asking_after(&self, grant: &Arc<Grant>) {
        self.replace(grant, Some(Entry::Asking(None)));
    }

    /// The lease is not held here.
    pub(crate) fn forget(&self, id: &LeaseId) {
        self.leases.lock().remove(id);
    }

    /// The lease may be held here, and nothing here needs it.
    pub(crate) fn unwanted(&self, id: &LeaseId, epoch: Option<u64>) {
        self.leases.lock().insert(Arc::clone(id), Entry::Unwanted(epoch));
        self.to_give_back.notify_one();
    }

    /// As `unwanted`, for a grant that the backend knows and this app does not (rule 22): if there is room for it.
    pub(crate) fn unwanted_if_unknown(&self, id: &LeaseId, epoch: u64, max: usize) {
        let mut leases = self.leases.lock();
        if !leases.contains_key(id) && leases.len() < max {
            leases.insert(Arc::clone(id), Entry::Unwanted(Some(epoch)));
            self.to_give_back.notify_one();
        }
    }

    /// The backend has granted it under `session`; with what its last holder has given along. `None` when the session has run out
    /// meanwhile.
    pub(crate) fn granted(
        &self,
        (env, present, session): (&Env, &PresentSession, &LeaseSession),
        grant: Grant,
        from: Option<Origin>,
    ) -> Option<(Arc<Grant>, Bytes)> {
        let mut leases = self.leases.lock();
        let parked = match leases.remove(&grant.id) {
            Some(Entry::Asking(parked)) => parked,
            _ => None,
        };
        // With the lock held: the end of the session takes everything from here afterwards.
        if !present.is(session) {
            return None;
        }
        if !present.is_valid(env) {
            leases.insert(Arc::clone(&grant.id), Entry::Unwanted(Some(grant.epoch)));
            self.to_give_back.notify_one();
            return None;
        }
        // Rule 21: only what came with exactly this grant.
        let parked = parked.filter(|(offer, _)| Some(*offer) == from);
        let grant = Arc::new(grant);
        leases.insert(Arc::clone(&grant.id), Entry::Held(Arc::clone(&grant)));
        Some((grant, parked.map(|(_, bytes)| bytes).unwrap_or_default()))
    }

    /// Parks what the holder gives along; whether it was parked (rule 19).
    pub(crate) fn park(&self, id: &str, from: Origin, payloads: Vec<Payload>) -> bool {
        match self.leases.lock().get_mut(id) {
            Some(Entry::Asking(parked)) => {
                let newest = parked.as_ref().is_none_or(|(offer, _)| from >= *offer);
                if newest {
                    *parked = payloads.into_iter().next().map(|payload| (from, payload.state));
                }
                newest
            }
            _ => false,
        }
    }

    /// The grant that is held under this epoch.
    pub(crate) fn held(&self, id: &str, epoch: u64) -> Option<Arc<Grant>> {
        match self.leases.lock().get(id) {
            Some(Entry::Held(grant)) if grant.epoch == epoch => Some(Arc::clone(grant)),
            _ => None,
        }
    }

    /// The game does not need it any more. Whether it is given back: an app that takes it over has it otherwise.
    pub(crate) fn let_go(&self, grant: &Arc<Grant>) -> bool {
        let frees = grant.let_go();
        if frees {
            self.end(grant, Next::Unwanted(Some(grant.epoch)));
        }
        frees
    }

    /// Takes a grant out of the table, if it is still there.
    pub(crate) fn end(&self, grant: &Arc<Grant>, next: Next) {
        let next = match next {
            Next::Gone => None,
            Next::Unwanted(epoch) => Some(Entry::Unwanted(epoch)),
        };
        self.replace(grant, next);
        self.to_give_back.notify_one();
    }

    /// The session has run out: the game holds nothing any more, and what the backend still has for us is given back. When the
    /// session is over there too, there is nothing to give back. Returns how many are lost.
    pub(crate) fn lose_all(&self, is_over: bool) -> usize {
        let mut lost = 0;
        let mut leases = self.leases.lock();
        for entry in leases.values_mut() {
            if let Entry::Held(grant) = entry {
                lost += usize::from(grant.lose());
                *entry = Entry::Unwanted(Some(grant.epoch));
            }
        }
        if is_over {
            leases.retain(|_, entry| matches!(entry, Entry::Asking(_)));
        }
        self.to_give_back.notify_one();
        lost
    }

    /// What must be given back.
    pub(crate) fn begin_giving_back(&self) -> ToGiveBack {
        let mut all = ToGiveBack { grants: Vec::new(), unknown: Vec::new() };
        for (id, entry) in self.leases.lock().iter_mut() {
            match entry {
                Entry::Unwanted(Some(epoch)) => all.grants.push((Arc::clone(id), *epoch)),
                Entry::Unwanted(None) => {
                    all.unknown.push(Arc::clone(id));
                    *entry = Entry::Asking(None);
                }
                Entry::Asking(_) | Entry::Held(_) => {}
            }
        }
        all
    }

    pub(crate) fn given_back(&self, grants: &[(LeaseId, u64)]) {
        let mut leases = self.leases.lock();
        for (id, epoch) in grants {
            if matches!(leases.get(id), Some(Entry::Unwanted(Some(there))) if there == epoch) {
                leases.remove(id);
            }
        }
    }

    /// Nothing has to be given back: there is no session that could hold it.
    pub(crate) fn forget_unwanted(&self) {
        self.leases.lock().retain(|_, entry| !matches!(entry, Entry::Unwanted(_)));
    }

    /// Puts something else into the place of a grant, if it is still there.
    fn replace(&self, grant: &Arc<Grant>, next: Option<Entry>) {
        let mut leases = self.leases.lock();
        let is_there =
            |entry: &Entry| matches!(entry, Entry::Held(there) if Arc::ptr_eq(there, grant));
        if leases.get(&grant.id).is_some_and(is_there) {
            match next {
                Some(next) => leases.insert(Arc::clone(&grant.id), next),
                None => leases.remove(&grant.id),
            };
        }
    }
}
