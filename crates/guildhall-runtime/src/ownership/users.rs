//! [`UserLeases`]: the leases that the game holds itself, as this app knows them, and how they are given back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::leases::{Acquired, LeaseSession, Origin, Transferred, Wanted};
use guildhall_core::store::{Holder, LeaseId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::grant::{Grant, State};
use super::handover::Handover;
use super::slots::Holding;
use super::{Ownership, Payload, keep_session};
use crate::app::AppInner;
use crate::proto::{MoveReq, MoveRsp};

/// What their ids begin with at the lease backend. No slot has such an id: after `NAME/` comes a number there.
pub(super) const PREFIX: &str = "user//";

/// Leases of the game's, by their ids at the backend.
#[derive(Default)]
pub(crate) struct UserLeases {
    leases: Mutex<BTreeMap<LeaseId, Entry>>,
    begun: AtomicBool,
    strays: Notify,
}

enum Entry {
    /// The backend, or its holder, is being asked. What the holder gives along waits here (rule 19).
    Asking(Option<(Origin, Bytes)>),
    Held(Arc<Grant>),
    /// To be given back: this grant, or whatever the backend says that we have.
    Stray(Option<u64>),
}

/// Why a lease cannot be asked for.
pub(super) enum Busy {
    /// It is held in this app.
    Here(Arc<Grant>),
    /// It is being asked for, or on its way to another app.
    Soon,
    /// There are too many.
    Full,
}

impl UserLeases {
    /// Keeps a session and gives back what is to be given back, from the first lease on.
    pub(super) fn begin(&self, app: &Arc<AppInner>) {
        if self.begun.swap(true, Ordering::AcqRel) {
            return;
        }
        if !app.ownership.is_needed() {
            app.env.spawn("lease-session", keep_session(Arc::clone(app)));
        }
        app.env.spawn("leases.give-back", give_back(Arc::clone(app)));
    }

    /// Begins to ask for a lease.
    pub(super) fn enter(&self, id: &LeaseId, max: usize) -> Result<(), Busy> {
        let mut leases = self.leases.lock();
        match leases.get(id) {
            Some(Entry::Asking(_)) => return Err(Busy::Soon),
            Some(Entry::Held(grant)) if grant.is_held() => {
                return Err(Busy::Here(Arc::clone(grant)));
            }
            Some(Entry::Held(grant)) if grant.state() == State::Given => return Err(Busy::Soon),
            None if leases.len() >= max => return Err(Busy::Full),
            // What was to be given back has an epoch that ends with the next grant.
            Some(Entry::Held(_) | Entry::Stray(_)) | None => {}
        }
        leases.insert(Arc::clone(id), Entry::Asking(None));
        Ok(())
    }

    /// A grant that the game has let go for somebody else in this app: it is asked for anew.
    pub(super) fn enter_after(&self, grant: &Arc<Grant>) {
        self.replace(grant, Some(Entry::Asking(None)));
    }

    /// It is not held here.
    pub(super) fn leave(&self, id: &LeaseId) {
        self.leases.lock().remove(id);
    }

    /// It may be held here, or not: nobody has it in any case.
    pub(super) fn stray(&self, id: &LeaseId, epoch: Option<u64>) {
        self.leases.lock().insert(Arc::clone(id), Entry::Stray(epoch));
        self.strays.notify_one();
    }

    /// The backend has granted it; with what its last holder has given along. `None` when the session has run out meanwhile.
    pub(super) fn granted(
        &self,
        (app, session): (&AppInner, &Arc<LeaseSession>),
        grant: Grant,
        from: Option<Origin>,
    ) -> Option<(Arc<Grant>, Bytes)> {
        let own = &app.ownership;
        let mut leases = self.leases.lock();
        let parked = match leases.remove(&grant.id) {
            Some(Entry::Asking(parked)) => parked,
            _ => None,
        };
        // With the lock held: whoever ends the session takes all from here afterwards.
        if !own.session().is_some_and(|present| Arc::ptr_eq(&present, session)) {
            return None;
        }
        if !own.is_valid(&app.env) {
            leases.insert(Arc::clone(&grant.id), Entry::Stray(Some(grant.epoch)));
            self.strays.notify_one();
            return None;
        }
        // Rule 21: only what came with exactly this grant.
        let parked = parked.filter(|(offer, _)| Some(*offer) == from);
        let grant = Arc::new(grant);
        leases.insert(Arc::clone(&grant.id), Entry::Held(Arc::clone(&grant)));
        Some((grant, parked.map(|(_, bytes)| bytes).unwrap_or_default()))
    }

    /// Parks what the holder gives along; whether it was taken (rule 19).
    pub(super) fn park(&self, id: &str, from: Origin, payloads: Vec<Payload>) -> bool {
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

    /// The game does not want it any more. Whether it is free for that: who takes it over has it otherwise.
    pub(super) fn let_go(&self, grant: &Arc<Grant>) -> bool {
        let frees = grant.let_go();
        if frees {
            self.replace(grant, Some(Entry::Stray(Some(grant.epoch))));
            self.strays.notify_one();
        }
        frees
    }

    /// The session has run out: the game holds nothing any more. What the backend has still for us is given back; when the session
    /// is over there as well, there is nothing. How many are lost.
    pub(super) fn lose_all(&self, is_over: bool) -> usize {
        let mut lost = 0;
        let mut leases = self.leases.lock();
        for entry in leases.values_mut() {
            if let Entry::Held(grant) = entry {
                lost += usize::from(grant.lose());
                *entry = Entry::Stray(Some(grant.epoch));
            }
        }
        if is_over {
            leases.retain(|_, entry| matches!(entry, Entry::Asking(_)));
        }
        self.strays.notify_one();
        lost
    }

    /// Answers another app that wants a lease.
    pub(super) async fn give(&self, app: &Arc<AppInner>, asker: &Holder, req: &MoveReq) -> MoveRsp {
        let not_now = MoveRsp::default();
        let Some(session) = app.ownership.session() else { return not_now };
        let Some(grant) = self.held(&req.lease, req.epoch, app) else { return not_now };
        let Some(bytes) = grant.ask(app, &asker.app).await else { return not_now };
        let held = Holding { epoch: grant.epoch, offers: 1 };
        let handover = Handover { app, session: &session, lease: &grant.id, held };
        let payload = |state| Payload {
            key: "".into(),
            state,
            commands: Bytes::new(),
            unused: Duration::ZERO,
        };
        let payloads = (!bytes.is_empty()).then(|| payload(bytes)).into_iter().collect();
        let deadline = app.env.now() + app.ownership.config.move_time();
        if app.env.until(deadline, handover.offer(asker, payloads)).await != Some(true) {
            tracing::warn!(lease = %grant.id, to = %asker, "a lease is free: who has asked for it does not answer");
            self.replace(&grant, Some(Entry::Stray(Some(grant.epoch))));
            self.strays.notify_one();
            return not_now;
        }
        let transferred = handover.transfer(asker).await;
        app.ownership.heard(app, &session);
        let (next, answer) = match transferred {
            Some(Ok(Transferred::Done(epoch))) => (None, MoveRsp { epoch, offer: 1 }),
            Some(Ok(Transferred::NotYours(_))) => (None, not_now),
            Some(Ok(Transferred::NobodyThere)) => (Some(Entry::Stray(Some(grant.epoch))), not_now),
            // Rule 20: nobody knows who has it until the backend is asked.
            Some(Err(_)) | None => (Some(Entry::Stray(None)), not_now),
        };
        self.replace(&grant, next);
        self.strays.notify_one();
        answer
    }

    /// What is held under this epoch. What the backend says that we have, and nobody here knows of, is given back (rule 22).
    fn held(&self, id: &str, epoch: u64, app: &AppInner) -> Option<Arc<Grant>> {
        let mut leases = self.leases.lock();
        match leases.get(id) {
            Some(Entry::Held(grant)) => (grant.epoch == epoch).then(|| Arc::clone(grant)),
            Some(_) => None,
            None if id.starts_with(PREFIX)
                && leases.len() < app.ownership.config.user_leases_max =>
            {
                leases.insert(id.into(), Entry::Stray(Some(epoch)));
                self.strays.notify_one();
                None
            }
            None => None,
        }
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

    /// What is to be given back; that of which the epoch is not known is being asked for from now on.
    fn take_strays(&self) -> (Vec<(LeaseId, u64)>, Vec<LeaseId>) {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (id, entry) in self.leases.lock().iter_mut() {
            match entry {
                Entry::Stray(Some(epoch)) => known.push((Arc::clone(id), *epoch)),
                Entry::Stray(None) => {
                    unknown.push(Arc::clone(id));
                    *entry = Entry::Asking(None);
                }
                Entry::Asking(_) | Entry::Held(_) => {}
            }
        }
        (known, unknown)
    }

    fn given_back(&self, grants: &[(LeaseId, u64)]) {
        let mut leases = self.leases.lock();
        for (id, epoch) in grants {
            if matches!(leases.get(id), Some(Entry::Stray(Some(there))) if there == epoch) {
                leases.remove(id);
            }
        }
    }
}

/// Gives back what nobody here wants, until the app ends. When the session is over there is nothing to give back.
async fn give_back(app: Arc<AppInner>) {
    let own = &app.ownership;
    loop {
        own.users.strays.notified().await;
        while !own.give_back_strays(&app).await {
            app.env.sleep(own.config.poll()).await;
        }
    }
}

impl Ownership {
    /// One round; whether nothing is left.
    async fn give_back_strays(&self, app: &AppInner) -> bool {
        let Some(session) = self.session() else {
            // Opened anew, it holds nothing.
            self.users.leases.lock().retain(|_, entry| !matches!(entry, Entry::Stray(_)));
            return true;
        };
        let (known, unknown) = self.users.take_strays();
        let ask = self.ask_for(app, &session, &unknown);
        let all_known = unknown.is_empty() || ask.await;
        let deadline = app.env.now() + self.config.times().ttl;
        let released = known.is_empty()
            || matches!(app.env.until(deadline, session.release(&known)).await, Some(Ok(())));
        if released {
            self.users.given_back(&known);
        }
        all_known && released && unknown.is_empty()
    }

    /// Asks for what may be ours, to know under which epoch it can be given back.
    async fn ask_for(&self, app: &AppInner, session: &LeaseSession, ids: &[LeaseId]) -> bool {
        let wish = |id: &LeaseId| Wanted { id: Arc::clone(id), at_least: 0 };
        let wanted: Vec<Wanted> = ids.iter().map(wish).collect();
        let deadline = app.env.now() + self.config.times().ttl;
        let answers = app.env.until(deadline, session.acquire(&wanted)).await;
        self.heard(app, session);
        let Some(Ok(answers)) = answers else {
            ids.iter().for_each(|id| self.users.stray(id, None));
            return false;
        };
        for (id, answer) in ids.iter().zip(answers) {
            match answer {
                Acquired::Held { epoch, .. } => self.users.stray(id, Some(epoch)),
                Acquired::Taken { .. } => self.users.leave(id),
            }
        }
        true
    }
}
