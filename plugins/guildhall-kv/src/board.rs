//! [`Board`]: the sessions and leases of a store as this client knows them, and those who watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::leases::memory::WATCH_BUFFER;
use guildhall_core::leases::{Holding, LeaseChange};
use guildhall_core::store::{Holder, LeaseId};
use guildhall_core::{Env, outside};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::key::Key;
use crate::keys::{Entry, Picture};
use crate::value::{self, Lease, SessionValue};

/// Clients end a session at different moments, so that not all of them try.
const JITTER_MS: u64 = 200;

/// The sessions and leases that a store has.
pub struct Board {
    env: Env,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    sessions: BTreeMap<Holder, Session>,
    leases: BTreeMap<LeaseId, (Lease, u64)>,
    watchers: Vec<(String, mpsc::Sender<LeaseChange>)>,
}

/// A session that nobody has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) value: SessionValue,
    pub(crate) revision: u64,
    /// When it may be ended if it was not renewed.
    deadline: Instant,
}

/// An id, for one who wants to change it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The last epoch; 0 if the id is not known.
    pub(crate) epoch: u64,
    /// The present grant, with the session that it belongs to.
    pub(crate) held: Option<(Holding, u64)>,
    /// Of its key.
    pub(crate) revision: u64,
}

/// How long a session is kept beyond its TTL, for clocks that are not equally fast.
fn margin(ttl: Duration) -> Duration {
    ttl / 20 + Duration::from_millis(50)
}

impl Board {
    /// A board that shows nothing yet.
    pub fn new(env: Env) -> Self {
        Self { env, seen: Mutex::default() }
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    pub(crate) fn session(&self, holder: &Holder) -> Option<Session> {
        self.seen.lock().sessions.get(holder).copied()
    }

    pub(crate) fn lease(&self, id: &LeaseId) -> Known {
        let seen = self.seen.lock();
        let found = seen.leases.get(id);
        Known {
            epoch: found.map_or(0, |(lease, _)| lease.epoch),
            held: found.and_then(|(lease, _)| seen.holding(lease)),
            revision: found.map_or(0, |(_, revision)| *revision),
        }
    }

    pub(crate) fn watch(&self, prefix: &str) -> mpsc::Receiver<LeaseChange> {
        let mut seen = self.seen.lock();
        let held = seen.leases.iter().filter(|(id, _)| id.starts_with(prefix));
        let held = held.filter_map(|(id, (lease, _))| {
            Some(LeaseChange::Held(Arc::clone(id), seen.holding(lease)?.0))
        });
        let snapshot: Vec<_> = held.chain([LeaseChange::Synced]).collect();
        let (changes, watch) = mpsc::channel(snapshot.len() + WATCH_BUFFER);
        for change in snapshot {
            // It fits, and the receiver is here.
            drop(changes.try_send(change));
        }
        seen.watchers.retain(|(_, watcher)| !watcher.is_closed());
        seen.watchers.push((prefix.to_owned(), changes));
        watch
    }

    /// The sessions that may be ended now, with the revision that was seen for the whole TTL; and when to look again.
    pub(crate) fn due(&self) -> (Vec<(Holder, u64)>, Option<Instant>) {
        let (now, seen) = (self.env.now(), self.seen.lock());
        let due = seen.sessions.iter().filter(|(_, session)| session.deadline <= now);
        let due = due.map(|(holder, session)| (holder.clone(), session.revision)).collect();
        let later = seen.sessions.values().map(|session| session.deadline).filter(|end| *end > now);
        (due, later.min())
    }

    /// The key of the id is not there, though nobody has said so: the store was purged. What is known of its epochs stays.
    pub(crate) fn vanished(&self, id: &LeaseId) {
        let mut seen = self.seen.lock();
        let epoch = seen.leases.get(id).map_or(0, |(lease, _)| lease.epoch);
        seen.grant(id, Lease { epoch, by: None, from: None }, 0);
    }

    /// The session has ended, unless a later write of it was seen.
    pub(crate) fn end(&self, holder: &Holder, revision: u64) {
        self.seen.lock().end(holder, revision);
    }

    /// It could not be ended now.
    pub(crate) fn postpone(&self, holder: &Holder, by: Duration) {
        let now = self.env.now();
        if let Some(session) = self.seen.lock().sessions.get_mut(holder) {
            session.deadline = now + by;
        }
    }

    fn take(&self, seen: &mut Seen, entry: &Entry) {
        match Key::read(&entry.key) {
            Key::Session(holder) => match value::decode::<SessionValue>(Some(entry)) {
                Ok(Some(value)) => {
                    // From now on: it was renewed before this was read.
                    let jitter = Duration::from_millis(self.env.random_below(JITTER_MS));
                    let deadline = self.env.now() + value.ttl() + margin(value.ttl()) + jitter;
                    seen.put(&holder, Session { value, revision: entry.revision, deadline });
                }
                Ok(None) => seen.end(&holder, entry.revision),
                Err(why) => ignored(entry, &why),
            },
            Key::Lease(id) => {
                // Free, and its last epoch unknown.
                let unknown = Lease { epoch: 0, by: None, from: None };
                let lease = match entry.value.clone().map(Lease::decode) {
                    Some(Ok(lease)) => lease,
                    Some(Err(why)) => {
                        ignored(entry, &why);
                        unknown
                    }
                    None => unknown,
                };
                seen.grant(&id, lease, entry.revision);
            }
            Key::Other => {}
        }
    }
}

impl Picture for Board {
    /// Every session has its whole TTL from now on: nobody could renew it while the server was away.
    fn begin(&self, all: Vec<Entry>) {
        let mut seen = self.seen.lock();
        *seen = Seen::default();
        for entry in &all {
            self.take(&mut seen, entry);
        }
    }

    fn change(&self, entry: Entry) {
        self.take(&mut self.seen.lock(), &entry);
    }

    /// Watchers lose their streams with the server.
    fn lost(&self) {
        *self.seen.lock() = Seen::default();
    }
}

impl Seen {
    /// The grant of a key, if its session lives.
    fn holding(&self, lease: &Lease) -> Option<(Holding, u64)> {
        let (holder, number) = lease.by.as_ref()?;
        let session = self.sessions.get(holder)?;
        let holding = Holding { holder: holder.clone(), epoch: lease.epoch, from: lease.from };
        (session.value.number == *number).then_some((holding, *number))
    }

    fn put(&mut self, holder: &Holder, session: Session) {
        if let Some(known) = self.sessions.get_mut(holder)
            && known.value.number == session.value.number
        {
            // Renewed: what it holds is as it was.
            *known = session;
            return;
        }
        let before = self.held_by(holder);
        self.sessions.insert(holder.clone(), session);
        self.tell_differences(&before, holder);
    }

    fn end(&mut self, holder: &Holder, revision: u64) {
        if self.sessions.get(holder).is_some_and(|session| session.revision <= revision) {
            let before = self.held_by(holder);
            self.sessions.remove(holder);
            self.tell_differences(&before, holder);
        }
    }

    fn grant(&mut self, id: &LeaseId, lease: Lease, revision: u64) {
        let before = self.leases.get(id).and_then(|(lease, _)| self.holding(lease));
        let after = self.holding(&lease);
        self.leases.insert(Arc::clone(id), (lease, revision));
        self.tell_difference(id, before, after);
    }

    fn held_by(&self, holder: &Holder) -> BTreeMap<LeaseId, (Holding, u64)> {
        let leases = self.leases.iter();
        let its =
            leases.filter(|(_, (lease, _))| lease.by.as_ref().is_some_and(|by| by.0 == *holder));
        its.filter_map(|(id, (lease, _))| Some((Arc::clone(id), self.holding(lease)?))).collect()
    }

    fn tell_differences(&mut self, before: &BTreeMap<LeaseId, (Holding, u64)>, holder: &Holder) {
        let after = self.held_by(holder);
        for (id, held) in before {
            self.tell_difference(id, Some(held.clone()), after.get(id).cloned());
        }
        for (id, held) in after.iter().filter(|(id, _)| !before.contains_key(*id)) {
            self.tell_difference(id, None, Some(held.clone()));
        }
    }

    fn tell_difference(
        &mut self,
        id: &LeaseId,
        before: Option<(Holding, u64)>,
        after: Option<(Holding, u64)>,
    ) {
        let change = match (before, after) {
            (before, after) if before == after => return,
            (_, Some((holding, _))) => LeaseChange::Held(Arc::clone(id), holding),
            (_, None) => LeaseChange::Free(Arc::clone(id)),
        };
        // A watcher whose buffer is full loses its stream, and so learns that it must start over.
        self.watchers.retain(|(prefix, watcher)| {
            !id.starts_with(prefix.as_str()) || watcher.try_send(change.clone()).is_ok()
        });
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seen = self.seen.lock();
        f.debug_struct("Board")
            .field("sessions", &seen.sessions.len())
            .field("leases", &seen.leases.len())
            .finish_non_exhaustive()
    }
}

fn ignored(entry: &Entry, why: &str) {
    tracing::warn!(key = %outside(&entry.key), why = %outside(why), "key of leases ignored; it is damaged, or of another version");
}
