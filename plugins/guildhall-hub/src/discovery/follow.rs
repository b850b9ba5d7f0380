//! One watch: goes on over lives of the hub, which knows nobody when it begins.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use guildhall_core::AppId;
use guildhall_core::discovery::{Change, NodeRecord};
use guildhall_core::env::Instant;
use tokio::sync::mpsc;

use crate::client::HubClient;
use crate::convert;
use crate::proto::NodeChange;
use crate::stream::{POLL, Stream};

/// How long an app that was known may take to register with a hub that has begun anew. Apps do so at once; this is for those
/// that find it late.
const GRACE: Duration = Duration::from_secs(10);

/// Pause before a lost watch is opened again.
const REOPEN: Duration = Duration::from_millis(100);

pub(super) struct Follower {
    client: HubClient,
    changes: mpsc::Sender<Change>,
    known: BTreeMap<AppId, NodeRecord>,
    /// Whom the snapshot that is coming has named so far.
    snapshot: Option<BTreeSet<AppId>>,
    synced: bool,
    /// Who was known to an earlier life of the hub and has not come back, and until when that is waited for.
    missing: BTreeMap<AppId, Instant>,
}

/// The watcher is gone or too slow.
struct Over;

impl Follower {
    pub(super) fn new(client: HubClient, changes: mpsc::Sender<Change>) -> Self {
        Self {
            client,
            changes,
            known: BTreeMap::new(),
            snapshot: Some(BTreeSet::new()),
            synced: false,
            missing: BTreeMap::new(),
        }
    }

    pub(super) async fn follow(mut self, stream: Stream) {
        let watcher = self.changes.clone();
        tokio::select! {
            biased;
            () = watcher.closed() => {}
            Over = self.go_on(stream) => {}
        }
    }

    async fn go_on(&mut self, mut stream: Stream) -> Over {
        loop {
            let now = self.client.env().now();
            let next = self.missing.values().min();
            let wait = next.map_or(POLL, |end| end.saturating_duration_since(now));
            match stream.next::<NodeChange>(wait).await {
                Some(changes) => {
                    for change in changes {
                        let Some(change) = convert::from_node_change(change) else { continue };
                        if let Err(over) = self.take(change) {
                            return over;
                        }
                    }
                }
                None => {
                    self.client.env().sleep(REOPEN).await;
                    if let Ok(opened) = super::open(&self.client).await {
                        stream = opened;
                        self.snapshot = Some(BTreeSet::new());
                    }
                }
            }
            if let Err(over) = self.give_up() {
                return over;
            }
        }
    }

    fn take(&mut self, change: Change) -> Result<(), Over> {
        match change {
            Change::Put(record) => {
                self.missing.remove(&record.id);
                if let Some(named) = &mut self.snapshot {
                    named.insert(record.id.clone());
                }
                if self.known.get(&record.id) == Some(&record) {
                    return Ok(());
                }
                self.known.insert(record.id.clone(), record.clone());
                self.tell(Change::Put(record))
            }
            Change::Remove(id, incarnation) => {
                self.missing.remove(&id);
                self.known.remove(&id);
                self.tell(Change::Remove(id, incarnation))
            }
            Change::Synced => {
                let named = self.snapshot.take().unwrap_or_default();
                if !std::mem::replace(&mut self.synced, true) {
                    return self.tell(Change::Synced);
                }
                let end = self.client.env().now() + GRACE;
                let missing = self.known.keys().filter(|id| !named.contains(*id));
                for id in missing {
                    self.missing.entry(id.clone()).or_insert(end);
                }
                Ok(())
            }
            Change::Probe(_) => Ok(()),
        }
    }

    /// Tells of those who have not come back in time.
    fn give_up(&mut self) -> Result<(), Over> {
        let now = self.client.env().now();
        let over: Vec<AppId> =
            self.missing.iter().filter(|(_, end)| **end <= now).map(|(id, _)| id.clone()).collect();
        for id in over {
            self.missing.remove(&id);
            if let Some(record) = self.known.remove(&id) {
                self.tell(Change::Remove(id, record.incarnation))?;
            }
        }
        Ok(())
    }

    fn tell(&self, change: Change) -> Result<(), Over> {
        self.changes.try_send(change).map_err(|_| Over)
    }
}
