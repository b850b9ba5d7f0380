//! The [`Discovery`] seam on etcd: a key per app, under a lease of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::discovery::{Change, Discovery, DiscoveryError, NodeRecord};
use guildhall_core::env::Instant;
use guildhall_core::{AppId, BoxFuture, Incarnation};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::fault::Fault;
use crate::keys::Keys;
use crate::mirror::{Meaning, Mirror};
use crate::proto::{
    KeyValue, LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest, RangeRequest,
};
use crate::txn::{delete, get, got, has_lease, is_at, only, put, revision_of, seconds, txn};

/// How often a registration is tried while others write the same key.
const TRIES: usize = 8;

/// The registrations of one deployment.
#[derive(Debug)]
pub struct EtcdDiscovery {
    client: Arc<Client>,
    keys: Keys,
    /// What this client has registered: one app, outside of tests.
    registered: Mutex<BTreeMap<AppId, Registered>>,
    mirror: Arc<Mirror<Nodes>>,
}

#[derive(Clone, Debug)]
struct Registered {
    incarnation: Incarnation,
    /// The etcd lease of the key, and how many seconds it lives.
    lease: i64,
    seconds: i64,
    record: Bytes,
    /// Revision that wrote the key.
    revision: i64,
    end: Instant,
}

impl EtcdDiscovery {
    pub(crate) fn new(client: &Arc<Client>, keys: Keys) -> Self {
        let mirror = Mirror::new(client, keys.nodes(), "");
        Self { client: Arc::clone(client), keys, registered: Mutex::default(), mirror }
    }

    async fn put(&self, node: &NodeRecord, ttl: Duration) -> Result<(), DiscoveryError> {
        let failed = |fault: Fault| failed("register", &fault);
        let (key, record) = (self.keys.node(&node.id), node.encode());
        for _ in 0..TRIES {
            let known = self.known(node, ttl);
            let there = match &known {
                Some(known) => match self.renew(&key, known, &record).await.map_err(failed)? {
                    Renewed::Done(revision) => {
                        let known = Registered { record, revision, ..known.clone() };
                        self.note(&node.id, known, ttl);
                        return Ok(());
                    }
                    Renewed::LeaseOver => {
                        self.registered.lock().remove(&node.id);
                        continue;
                    }
                    Renewed::Changed(there) => there,
                },
                None => {
                    let range = RangeRequest { key: key.clone(), ..RangeRequest::default() };
                    self.client.call(range).await.map_err(failed)?.kvs.into_iter().next()
                }
            };
            refuse_earlier(node, there.as_ref())?;
            let lease = match known {
                Some(known) => known.lease,
                None => self.grant(seconds(ttl)).await.map_err(failed)?,
            };
            let at = there.map_or(0, |there| there.mod_revision);
            let putting = txn([is_at(&key, at)], [put(&key, record.clone(), lease)], []);
            let done = self.client.call(putting).await;
            let written = match &done {
                Ok(done) if done.succeeded => {
                    Some(revision_of(done.header.as_ref()).map_err(failed)?)
                }
                Ok(_) | Err(Fault::NoLease) => None,
                Err(fault) => return Err(failed(fault.clone())),
            };
            if let Some(revision) = written {
                let (incarnation, end) = (node.incarnation, self.client.env.now() + ttl);
                let seconds = seconds(ttl);
                let known = Registered { incarnation, lease, seconds, record, revision, end };
                self.note(&node.id, known, ttl);
                return Ok(());
            }
            self.registered.lock().remove(&node.id);
            // It would end by itself.
            let _revoked = self.client.call(LeaseRevokeRequest { id: lease }).await;
        }
        let message =
            "other apps write the same registration each time; do two have one id?".to_owned();
        Err(DiscoveryError { operation: "register", message })
    }

    fn known(&self, node: &NodeRecord, ttl: Duration) -> Option<Registered> {
        let known = self.registered.lock().get(&node.id).cloned();
        known.filter(|it| it.incarnation == node.incarnation && it.seconds == seconds(ttl))
    }

    fn note(&self, id: &AppId, known: Registered, ttl: Duration) {
        let now = self.client.env.now();
        let mut registered = self.registered.lock();
        registered.retain(|_, it| now < it.end);
        registered.insert(id.clone(), Registered { end: now + ttl, ..known });
    }

    async fn grant(&self, seconds: i64) -> Result<i64, Fault> {
        Ok(self.client.call(LeaseGrantRequest { ttl: seconds, id: 0 }).await?.id)
    }

    /// Renews the lease, and at the same time looks whether the key is still as this client has written it, or writes it.
    async fn renew(
        &self,
        key: &Bytes,
        known: &Registered,
        record: &Bytes,
    ) -> Result<Renewed, Fault> {
        let changed = known.record != *record;
        let write = changed.then(|| put(key, record.clone(), known.lease));
        let conditions = [is_at(key, known.revision), has_lease(key, known.lease)];
        let writing = txn(conditions, Vec::from_iter(write), [get(key)]);
        let alive = self.client.call(LeaseKeepAliveRequest { id: known.lease });
        let (alive, written) = tokio::join!(alive, self.client.call(writing));
        let over = |fault: &Fault| *fault == Fault::NoLease;
        if alive.as_ref().is_err_and(over) || written.as_ref().is_err_and(over) || alive?.ttl <= 0 {
            return Ok(Renewed::LeaseOver);
        }
        let written = written?;
        Ok(match written.succeeded {
            true if changed => Renewed::Done(revision_of(written.header.as_ref())?),
            true => Renewed::Done(known.revision),
            false => Renewed::Changed(got(only(written)?)?),
        })
    }

    async fn remove(&self, id: &AppId, incarnation: Incarnation) -> Result<(), Fault> {
        let key = self.keys.node(id);
        let known = {
            let mut registered = self.registered.lock();
            let own = registered.get(id).is_some_and(|it| it.incarnation == incarnation);
            if own { registered.remove(id) } else { None }
        };
        for _ in 0..TRIES {
            let range = RangeRequest { key: key.clone(), ..RangeRequest::default() };
            let there = self.client.call(range).await?.kvs.into_iter().next();
            let own = there.filter(|it| life(it).is_some_and(|life| life == incarnation));
            let Some(own) = own else { break };
            let deleting = txn([is_at(&key, own.mod_revision)], [delete(&key)], []);
            if self.client.call(deleting).await?.succeeded {
                break;
            }
        }
        if let Some(Registered { lease, .. }) = known {
            // It would end by itself.
            let _revoked = self.client.call(LeaseRevokeRequest { id: lease }).await;
        }
        Ok(())
    }
}

/// What came of a renewal.
enum Renewed {
    /// The key is there, as this revision has written it.
    Done(i64),
    /// The lease has ended, and the key with it.
    LeaseOver,
    /// Somebody else has written or removed the key.
    Changed(Option<KeyValue>),
}

impl Discovery for EtcdDiscovery {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(self.put(node, ttl))
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            self.remove(id, incarnation).await.map_err(|fault| failed("deregister", &fault))
        })
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move { self.mirror.watch().await.map_err(|fault| failed("watch", &fault)) })
    }
}

/// What keys of registrations mean.
struct Nodes;

impl Meaning for Nodes {
    type Value = NodeRecord;
    type Change = Change;

    /// A record under another app's key would remove that app when it goes.
    fn value(name: &str, kept: &KeyValue) -> Option<NodeRecord> {
        NodeRecord::decode(&kept.value).ok().filter(|node| node.id.as_str() == name)
    }

    fn put(node: &NodeRecord) -> Change {
        Change::Put(node.clone())
    }

    fn gone(node: &NodeRecord) -> Change {
        Change::Remove(node.id.clone(), node.incarnation)
    }

    fn synced() -> Change {
        Change::Synced
    }
}

/// The incarnation of a record; a damaged one has none, and is written over.
fn life(kept: &KeyValue) -> Option<Incarnation> {
    NodeRecord::decode(&kept.value).ok().map(|node| node.incarnation)
}

fn refuse_earlier(node: &NodeRecord, there: Option<&KeyValue>) -> Result<(), DiscoveryError> {
    match there.and_then(life) {
        Some(later) if later > node.incarnation => {
            let NodeRecord { id, incarnation, .. } = node;
            let message = format!(
                "{id} is registered by a later incarnation ({later}, this one is {incarnation}); end this one"
            );
            Err(DiscoveryError { operation: "register", message })
        }
        _ => Ok(()),
    }
}

fn failed(operation: &'static str, fault: &Fault) -> DiscoveryError {
    DiscoveryError { operation, message: fault.to_string() }
}
