//! [`MemoryDiscovery`]: the in-memory implementation, for apps that share one process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::{Change, Discovery, DiscoveryError, NodeRecord, WATCH_BUFFER};
use crate::env::Instant;
use crate::env::deadlines::{Expires, expire};
use crate::{AppId, BoxFuture, Env, Incarnation};

/// How many apps may be registered: a snapshot and as many changes fit the buffer of a watcher.
pub const NODES_MAX: usize = WATCH_BUFFER / 2;

/// Apps registered in memory. Clones share them.
#[derive(Clone)]
pub struct MemoryDiscovery(Arc<Shared>);

struct Shared {
    env: Env,
    board: Mutex<Board>,
    /// Told of new deadlines, and of the end.
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Board {
    nodes: BTreeMap<AppId, (NodeRecord, Instant)>,
    watchers: Vec<mpsc::Sender<Change>>,
    /// Whether a task looks after the deadlines; there is one while somebody watches.
    tended: bool,
}

impl MemoryDiscovery {
    /// Makes an empty one; TTLs run by the clock of `env`.
    pub fn new(env: Env) -> Self {
        Self(Arc::new(Shared { env, board: Mutex::default(), changed: Arc::default() }))
    }
}

impl std::fmt::Debug for MemoryDiscovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nodes: Vec<_> = self.0.board.lock().nodes.keys().cloned().collect();
        f.debug_struct("MemoryDiscovery").field("nodes", &nodes).finish()
    }
}

impl Discovery for MemoryDiscovery {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            let now = self.0.env.now();
            let mut board = self.0.board.lock();
            board.expire(now);
            board.register(node, now + ttl)?;
            self.0.changed.notify_one();
            Ok(())
        })
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            let mut board = self.0.board.lock();
            board.expire(self.0.env.now());
            if board.nodes.get(id).is_some_and(|(node, _)| node.incarnation == incarnation) {
                board.remove(id);
            }
            Ok(())
        })
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move {
            let (changes, watch) = mpsc::channel(WATCH_BUFFER);
            let mut board = self.0.board.lock();
            board.expire(self.0.env.now());
            let snapshot = board.nodes.values().map(|(node, _)| Change::Put(node.clone()));
            for change in snapshot.chain([Change::Synced]) {
                // The snapshot fits: see NODES_MAX. The receiver is here.
                drop(changes.try_send(change));
            }
            board.watchers.push(changes);
            if !std::mem::replace(&mut board.tended, true) {
                let changed = Arc::clone(&self.0.changed);
                self.0.env.spawn("discovery.expire", expire(Arc::downgrade(&self.0), changed));
            }
            Ok(watch)
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

impl Expires for Shared {
    fn expire(&self) -> Option<(Env, Option<Instant>)> {
        let mut board = self.board.lock();
        board.expire(self.env.now());
        board.watchers.retain(|watcher| !watcher.is_closed());
        board.tended = !board.watchers.is_empty();
        let next = board.nodes.values().map(|(_, deadline)| *deadline).min();
        board.tended.then(|| (self.env.clone(), next))
    }
}

impl Board {
    fn register(&mut self, node: &NodeRecord, deadline: Instant) -> Result<(), DiscoveryError> {
        let refused = |message| Err(DiscoveryError { operation: "register", message });
        match self.nodes.get(&node.id) {
            Some((known, _)) if known.incarnation > node.incarnation => {
                return refused(format!(
                    "{} is registered by a later incarnation ({}, this one is {}); end this one",
                    node.id, known.incarnation, node.incarnation
                ));
            }
            None if self.nodes.len() >= NODES_MAX => {
                return refused(format!("{NODES_MAX} apps are registered; use a real backend"));
            }
            _ => {}
        }
        let before = self.nodes.insert(node.id.clone(), (node.clone(), deadline));
        if before.is_none_or(|(before, _)| before != *node) {
            self.tell(&Change::Put(node.clone()));
        }
        Ok(())
    }

    /// A record lives until its deadline, and not at it.
    fn expire(&mut self, now: Instant) {
        let over: Vec<AppId> = self
            .nodes
            .iter()
            .filter(|(_, (_, deadline))| *deadline <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in over {
            self.remove(&id);
        }
    }

    fn remove(&mut self, id: &AppId) {
        if let Some((node, _)) = self.nodes.remove(id) {
            self.tell(&Change::Remove(node.id, node.incarnation));
        }
    }

    /// A watcher whose buffer is full loses its stream, and so learns that it must start over.
    fn tell(&mut self, change: &Change) {
        self.watchers.retain(|watcher| watcher.try_send(change.clone()).is_ok());
    }
}
