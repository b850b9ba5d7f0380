//! [`Mirror`]: a copy of the keys of a prefix, kept by one watch stream, with any number of watchers.

mod follow;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::outside;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::fault::Fault;
use crate::proto::event::EventType;
use crate::proto::{Event, KeyValue};
use crate::read::{Read, read};
use follow::follow;

/// Changes that are buffered for a watcher, after its snapshot.
const BUFFER: usize = 4096;
/// What the keys of a prefix mean.
pub(crate) trait Meaning: Send + Sync + 'static {
    type Value: Clone + PartialEq + Send;
    type Change: Send;

    /// Reads a key, without what all names begin with; `None`: it is damaged, and counts as not there.
    fn value(name: &str, kept: &KeyValue) -> Option<Self::Value>;
    fn put(value: &Self::Value) -> Self::Change;
    fn gone(value: &Self::Value) -> Self::Change;
    fn synced() -> Self::Change;
}

/// A copy of a prefix. Its task runs as long as anybody watches.
pub(crate) struct Mirror<M: Meaning> {
    client: Arc<Client>,
    /// What the keys begin with.
    prefix: Bytes,
    /// Of that, what comes before the names.
    root: usize,
    state: Mutex<State<M>>,
}

struct State<M: Meaning> {
    /// What is known is as of this revision.
    revision: i64,
    known: BTreeMap<Bytes, M::Value>,
    watchers: Vec<mpsc::Sender<M::Change>>,
    /// Whether the task runs.
    followed: bool,
}

impl<M: Meaning> Mirror<M> {
    /// A copy of the keys that begin with `prefix`, whose last part `named` belongs to their names.
    pub(crate) fn new(client: &Arc<Client>, prefix: Bytes, named: &str) -> Arc<Self> {
        let root = prefix.len().saturating_sub(named.len());
        let state =
            State { revision: 0, known: BTreeMap::new(), watchers: Vec::new(), followed: false };
        Arc::new(Self { client: Arc::clone(client), prefix, root, state: Mutex::new(state) })
    }

    /// Everything that is there now, then `Synced`, then changes in order. The stream of a watcher that falls behind ends.
    pub(crate) async fn watch(self: &Arc<Self>) -> Result<mpsc::Receiver<M::Change>, Fault> {
        let now = read(&self.client, &self.prefix).await?;
        let mut state = self.state.lock();
        // The stream may be ahead of what was read.
        if now.revision > state.revision {
            state.replace(self.root, now);
        }
        let (changes, watch) = mpsc::channel(state.known.len() + 1 + BUFFER);
        for change in state.known.values().map(M::put).chain([M::synced()]) {
            // It fits, and the receiver is here.
            drop(changes.try_send(change));
        }
        state.watchers.retain(|watcher| !watcher.is_closed());
        state.watchers.push(changes);
        if !std::mem::replace(&mut state.followed, true) {
            self.client.env.spawn("etcd.watch", follow(Arc::clone(self)));
        }
        Ok(watch)
    }

    /// Whether anybody watches. If not, the task ends, and what was known is forgotten.
    fn is_watched(&self) -> bool {
        let mut state = self.state.lock();
        state.watchers.retain(|watcher| !watcher.is_closed());
        if state.watchers.is_empty() {
            (state.followed, state.revision) = (false, 0);
            state.known.clear();
        }
        state.followed
    }

    /// Takes what a full read has found; an earlier revision than the known one too: the server has lost data then.
    async fn read_again(&self) -> Result<i64, Fault> {
        let now = read(&self.client, &self.prefix).await?;
        let revision = now.revision;
        self.state.lock().replace(self.root, now);
        Ok(revision)
    }
}

impl<M: Meaning> std::fmt::Debug for Mirror<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefix = String::from_utf8_lossy(&self.prefix);
        f.debug_struct("Mirror").field("prefix", &prefix).finish_non_exhaustive()
    }
}

impl<M: Meaning> State<M> {
    /// Compares what is known with what was read, and tells the changes in the order in which they were made.
    fn replace(&mut self, root: usize, mut now: Read) {
        now.keys.sort_unstable_by_key(|kept| kept.mod_revision);
        let mut gone = std::mem::take(&mut self.known);
        for kept in now.keys {
            let Some(value) = value::<M>(root, &kept) else { continue };
            if gone.remove(&kept.key).as_ref() != Some(&value) {
                self.tell(|| M::put(&value));
            }
            self.known.insert(kept.key, value);
        }
        gone.values().for_each(|value| self.tell(|| M::gone(value)));
        self.revision = now.revision;
    }

    /// Events of one message of the stream, which has all of a revision.
    fn apply(&mut self, root: usize, events: Vec<Event>) {
        let (known_until, mut last) = (self.revision, self.revision);
        for event in events {
            let deleted = event.r#type() == EventType::Delete;
            let Some(kept) = event.kv.filter(|kept| kept.mod_revision > known_until) else {
                continue;
            };
            last = last.max(kept.mod_revision);
            let value = if deleted { None } else { value::<M>(root, &kept) };
            match value {
                Some(value) => {
                    if self.known.insert(kept.key, value.clone()).as_ref() != Some(&value) {
                        self.tell(|| M::put(&value));
                    }
                }
                None => {
                    if let Some(gone) = self.known.remove(&kept.key) {
                        self.tell(|| M::gone(&gone));
                    }
                }
            }
        }
        self.revision = last;
    }

    /// A watcher whose buffer is full loses its stream, and so learns that it must start over.
    fn tell(&mut self, change: impl Fn() -> M::Change) {
        self.watchers.retain(|watcher| watcher.try_send(change()).is_ok());
    }
}

fn value<M: Meaning>(root: usize, kept: &KeyValue) -> Option<M::Value> {
    let name = kept.key.get(root..).and_then(|name| std::str::from_utf8(name).ok());
    let value = name.and_then(|name| M::value(name, kept));
    if value.is_none() {
        let key = String::from_utf8_lossy(&kept.key);
        tracing::warn!(key = %outside(&key), "etcd key ignored: its value is damaged, or not Guildhall's");
    }
    value
}
