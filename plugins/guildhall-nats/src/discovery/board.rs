//! [`Board`]: the registered apps as this client knows them, and those who watch.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::discovery::{Change, WATCH_BUFFER};
use guildhall_core::env::Instant;
use guildhall_core::{AppId, Env};
use guildhall_kv::{Entry, Picture};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::value::{Known, decode};

/// How many apps are known; further ones are left out.
pub(crate) const NODES_MAX: usize = 16_384;
/// Clients remove a record at different moments, so that not all of them try.
const JITTER_MS: u64 = 200;

#[derive(Debug)]
struct Slot {
    known: Known,
    /// When it may be removed if it was not written again.
    deadline: Instant,
}

/// The registered apps.
pub(super) struct Board {
    env: Env,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    nodes: BTreeMap<AppId, Slot>,
    watchers: Vec<mpsc::Sender<Change>>,
    is_lost: bool,
}

impl Board {
    pub(super) fn new(env: Env) -> Self {
        Self { env, seen: Mutex::default() }
    }

    pub(super) fn watch(&self) -> mpsc::Receiver<Change> {
        let mut seen = self.seen.lock();
        let (changes, watch) = mpsc::channel(seen.nodes.len() + WATCH_BUFFER);
        let snapshot = seen.nodes.values().map(|slot| Change::Put(slot.known.node.clone()));
        for change in snapshot.chain([Change::Synced]) {
            // It fits, and the receiver is here.
            drop(changes.try_send(change));
        }
        seen.watchers.retain(|watcher| !watcher.is_closed());
        seen.watchers.push(changes);
        watch
    }

    /// What may be removed now, with the revision that was seen for its whole TTL; and when to look again.
    pub(super) fn due(&self) -> (Vec<(AppId, u64)>, Option<Instant>) {
        let (now, seen) = (self.env.now(), self.seen.lock());
        if seen.is_lost {
            return (Vec::new(), None);
        }
        let due = seen.nodes.iter().filter(|(_, slot)| slot.deadline <= now);
        let due = due.map(|(id, slot)| (id.clone(), slot.known.revision)).collect();
        let later = seen.nodes.values().map(|slot| slot.deadline).filter(|end| *end > now);
        (due, later.min())
    }

    /// The app is gone, unless a later write of it was seen.
    pub(super) fn remove(&self, id: &AppId, revision: u64) {
        self.seen.lock().remove(id, revision);
    }

    /// The server was not there to remove it.
    pub(super) fn postpone(&self, id: &AppId, by: Duration) {
        let now = self.env.now();
        if let Some(slot) = self.seen.lock().nodes.get_mut(id) {
            slot.deadline = now + by;
        }
    }

    fn deadline(&self, ttl: Duration) -> Instant {
        self.env.now() + ttl + Duration::from_millis(self.env.random_below(JITTER_MS))
    }

    fn take(&self, seen: &mut Seen, entry: &Entry) {
        match decode(entry) {
            Some(known) => {
                let deadline = self.deadline(known.ttl);
                seen.put(known, deadline);
            }
            None => {
                if let Ok(id) = entry.key.parse() {
                    seen.remove(&id, entry.revision);
                }
            }
        }
    }
}

impl Picture for Board {
    /// What is not there any more is kept until its TTL is over: a server that has begun anew learns of an app when it registers
    /// again.
    fn begin(&self, all: Vec<Entry>) {
        let mut seen = self.seen.lock();
        seen.is_lost = false;
        for slot in seen.nodes.values_mut() {
            // Nobody could register meanwhile.
            slot.deadline = self.deadline(slot.known.ttl);
        }
        for entry in &all {
            self.take(&mut seen, entry);
        }
    }

    fn change(&self, entry: Entry) {
        self.take(&mut self.seen.lock(), &entry);
    }

    fn lost(&self) {
        self.seen.lock().is_lost = true;
    }
}

impl Seen {
    fn put(&mut self, known: Known, deadline: Instant) {
        if self.nodes.len() >= NODES_MAX && !self.nodes.contains_key(&known.node.id) {
            tracing::warn!(app = %known.node.id, "{NODES_MAX} apps are registered; this one is left out");
            return;
        }
        let node = known.node.clone();
        let before = self.nodes.insert(node.id.clone(), Slot { known, deadline });
        if before.is_none_or(|before| before.known.node != node) {
            self.tell(&Change::Put(node));
        }
    }

    fn remove(&mut self, id: &AppId, revision: u64) {
        if self.nodes.get(id).is_some_and(|slot| slot.known.revision <= revision)
            && let Some(slot) = self.nodes.remove(id)
        {
            self.tell(&Change::Remove(slot.known.node.id, slot.known.node.incarnation));
        }
    }

    /// A watcher whose buffer is full loses its stream, and so learns that it must start over.
    fn tell(&mut self, change: &Change) {
        self.watchers.retain(|watcher| watcher.try_send(change.clone()).is_ok());
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board")
            .field("nodes", &self.seen.lock().nodes.len())
            .finish_non_exhaustive()
    }
}
