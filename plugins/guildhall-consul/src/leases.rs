//! Leases in Consul's key-value store: [`KvLeases`] on its keys.
//!
//! Each write is a transaction of one operation that compares the key's `ModifyIndex`, which is the index of Raft's log; a plain write
//! by compare-and-set would not say what the new one is. Reads of one key are transactions too: ids have `//`, which the agent's paths
//! have not.

mod listing;
mod follow;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use guildhall_core::BoxFuture;
use guildhall_kv::{Board, Entry, Keys, KvLeases};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::client::Client;
use crate::fault::Fault;
use follow::Follower;
use listing::Pair;

/// Transactions at a time, each on a connection of its own: an agent has 200 for all apps of a machine.
const AT_ONCE: usize = 16;

/// The keys of one deployment.
#[derive(Debug)]
struct ConsulKeys {
    client: Arc<Client>,
    /// Before each key.
    prefix: String,
    follower: Follower,
    transactions: Semaphore,
}

/// The leases of the deployment `deployment`, the first label of its apps' ids: deployments do not see each other.
pub(crate) fn leases(client: &Arc<Client>, deployment: &str) -> KvLeases {
    let prefix = format!("{}-{deployment}/leases/", client.settings.service);
    let board = Arc::new(Board::new(client.env.clone()));
    let follower = Follower::start(client, &prefix, Arc::clone(&board));
    let (client, transactions) = (Arc::clone(client), Semaphore::new(AT_ONCE));
    KvLeases::new(Arc::new(ConsulKeys { client, prefix, follower, transactions }), board)
}

impl ConsulKeys {
    async fn compare_and_set(
        &self,
        key: &str,
        value: Option<Bytes>,
        expected: u64,
    ) -> Result<u64, Fault> {
        let key = format!("{}{key}", self.prefix);
        let operation = match value {
            Some(value) => {
                json!({"Verb": "cas", "Key": key, "Value": STANDARD.encode(value), "Index": expected})
            }
            // Without the key it succeeds too.
            None => json!({"Verb": "delete-cas", "Key": key, "Index": expected}),
        };
        let done = self.transaction("/v1/txn", operation).await?;
        // A delete answers with nothing.
        Ok(done.map_or(0, |pair| pair.modify_index))
    }

    async fn read(&self, key: &str) -> Result<Option<Entry>, Fault> {
        let operation = json!({"Verb": "get", "Key": format!("{}{key}", self.prefix)});
        // Otherwise a leader that has been replaced, and does not know it, would answer too.
        match self.transaction("/v1/txn?consistent", operation).await {
            Ok(Some(pair)) => pair.entry(&self.prefix).map(Some),
            Ok(None) => Err(Fault::Garbled("a read without what was read".to_owned())),
            Err(Fault::Refused(409, why)) if why.contains("doesn't exist") => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn transaction(&self, path: &str, operation: Value) -> Result<Option<Pair>, Fault> {
        let Client { env, settings, .. } = &*self.client;
        let turn = env.until(env.now() + settings.deadline, self.transactions.acquire()).await;
        let Some(Ok(_turn)) = turn else {
            let ms = settings.deadline.as_millis();
            let why = format!("{AT_ONCE} others took longer than {ms} ms (deadline_ms)");
            return Err(Fault::Lost(why));
        };
        let body = json!([{ "KV": operation }]).to_string();
        let answer = self.client.call("PUT", path, body.into()).await?;
        let done: Done = serde_json::from_slice(&answer.body)
            .map_err(|error| Fault::Garbled(error.to_string()))?;
        Ok(done.results.unwrap_or_default().pop().map(|result| result.pair))
    }
}

#[derive(Deserialize)]
struct Done {
    #[serde(rename = "Results")]
    results: Option<Vec<OneDone>>,
}

#[derive(Deserialize)]
struct OneDone {
    #[serde(rename = "KV")]
    pair: Pair,
}

impl Keys for ConsulKeys {
    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Option<Bytes>,
        expected: u64,
    ) -> BoxFuture<'a, Result<u64, guildhall_kv::Fault>> {
        Box::pin(async move { Ok(self.compare_and_set(key, value, expected).await?) })
    }

    fn get<'a>(
        &'a self,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Entry>, guildhall_kv::Fault>> {
        Box::pin(async move { Ok(self.read(key).await?) })
    }

    fn catch_up(&self) -> BoxFuture<'_, Result<u64, guildhall_kv::Fault>> {
        Box::pin(async move { Ok(self.follower.catch_up().await?) })
    }

    fn shows<'a>(
        &'a self,
        key: &'a str,
        revision: u64,
    ) -> BoxFuture<'a, Result<(), guildhall_kv::Fault>> {
        Box::pin(async move { Ok(self.follower.shows(key, revision).await?) })
    }
}

impl From<Fault> for guildhall_kv::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            // `failed to set key "..", index is stale`; other refusals of a transaction have the status 409 too.
            Fault::Refused(409, why) if why.contains("index is stale") => Self::Conflict,
            other => Self::Failed(other.to_string()),
        }
    }
}
