//! The [`Discovery`] seam on a bucket: a key per app, written again as its heartbeat.
//!
//! The server says nothing when a key is too old, so each client times the others out by its own clock: a record that was not
//! written for its TTL is removed by compare-and-set. Only that ends it: while the server is away nothing does, and a client that
//! was suspended and has not read its heartbeats yet fails to remove it.

mod value;
mod board;
mod expiry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::discovery::{Change, Discovery, DiscoveryError, NodeRecord};
use guildhall_core::{AppId, BoxFuture, Incarnation};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::bucket::Bucket;
use crate::client::Client;
use crate::fault::Fault;
use crate::follow::Follower;
use board::Board;
use value::{Known, TTL_MAX};

/// Keys that nobody writes for so long go away by themselves, also the marks of those that were removed.
const MAX_AGE: Duration = Duration::from_secs(2 * 3600);
/// Attempts at a write that others write too.
const ATTEMPTS_MAX: usize = 8;

/// Apps registered in a bucket of JetStream.
#[derive(Debug)]
pub struct NatsDiscovery {
    bucket: Arc<Bucket>,
    board: Arc<Board>,
    follower: Follower,
    /// The last write of each registration of this client: one app, outside of tests.
    own: Mutex<BTreeMap<AppId, (Incarnation, u64)>>,
}

impl NatsDiscovery {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        let bucket = Arc::new(Bucket::new(client, "nodes", MAX_AGE));
        let board = Arc::new(Board::new(bucket.client.env.clone()));
        let follower = Follower::start(Arc::clone(&bucket), Arc::clone(&board));
        expiry::start(&bucket, &board);
        Self { bucket, board, follower, own: Mutex::default() }
    }

    async fn put(&self, node: &NodeRecord, ttl: Duration) -> Result<(), Failed> {
        if ttl > TTL_MAX || ttl.is_zero() {
            return Err(Failed::Said(format!(
                "a TTL of {ttl:?} is not above 0 and at most {TTL_MAX:?}"
            )));
        }
        let (key, value) = (node.id.to_string(), value::encode(node, ttl));
        let own = self.own.lock().get(&node.id).copied();
        // What this incarnation has written is replaced without a look at it.
        let mut expected = own.filter(|own| own.0 == node.incarnation).map(|own| own.1);
        for _ in 0..ATTEMPTS_MAX {
            let revision = match expected {
                Some(revision) => revision,
                None => self.replaced_by(&key, node).await?,
            };
            match self.bucket.set(&key, Some(value.clone()), revision).await {
                Ok(revision) => {
                    self.own.lock().insert(node.id.clone(), (node.incarnation, revision));
                    return Ok(());
                }
                Err(Fault::Conflict) => expected = None,
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(Fault::Conflict.into())
    }

    /// The revision of the key that `node` may replace.
    async fn replaced_by(&self, key: &str, node: &NodeRecord) -> Result<u64, Failed> {
        let entry = self.bucket.get(key).await?;
        match entry.as_ref().and_then(value::decode) {
            Some(known) if known.node.incarnation > node.incarnation => Err(Failed::Said(format!(
                "{} is registered by a later incarnation ({}, this one is {}); end this one",
                node.id, known.node.incarnation, node.incarnation
            ))),
            _ => Ok(entry.map_or(0, |entry| entry.revision)),
        }
    }

    async fn remove(&self, id: &AppId, incarnation: Incarnation) -> Result<(), Fault> {
        self.own.lock().remove(id);
        let key = id.to_string();
        for _ in 0..ATTEMPTS_MAX {
            let Some(entry) = self.bucket.get(&key).await? else { return Ok(()) };
            let is_its = |known: Known| known.node.incarnation == incarnation;
            if !value::decode(&entry).is_some_and(is_its) {
                return Ok(());
            }
            match self.bucket.set(&key, None, entry.revision).await {
                Ok(_) => return Ok(()),
                Err(Fault::Conflict) => {}
                Err(fault) => return Err(fault),
            }
        }
        Err(Fault::Conflict)
    }
}

impl Discovery for NatsDiscovery {
    fn register<'a>(
        &'a self,
        node: &'a NodeRecord,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(
            async move { self.put(node, ttl).await.map_err(|failed| error("register", failed)) },
        )
    }

    fn deregister<'a>(
        &'a self,
        id: &'a AppId,
        incarnation: Incarnation,
    ) -> BoxFuture<'a, Result<(), DiscoveryError>> {
        Box::pin(async move {
            let removed = self.remove(id, incarnation).await;
            removed.map_err(|fault| error("deregister", fault.into()))
        })
    }

    fn watch(&self) -> BoxFuture<'_, Result<mpsc::Receiver<Change>, DiscoveryError>> {
        Box::pin(async move {
            let caught_up = self.follower.catch_up().await;
            caught_up.map_err(|fault| error("watch", fault.into()))?;
            Ok(self.board.watch())
        })
    }
}

enum Failed {
    Of(Fault),
    Said(String),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Of(fault)
    }
}

fn error(operation: &'static str, failed: Failed) -> DiscoveryError {
    let message = match failed {
        Failed::Of(fault) => fault.to_string(),
        Failed::Said(message) => message,
    };
    DiscoveryError { operation, message }
}
