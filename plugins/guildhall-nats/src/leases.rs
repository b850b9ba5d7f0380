//! Leases in a bucket of JetStream: [`KvLeases`] on its keys.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::BoxFuture;
use guildhall_kv::{Board, Entry, Keys, KvLeases};

use crate::bucket::Bucket;
use crate::client::Client;
use crate::fault::Fault;
use crate::follow::Follower;

/// The keys of the bucket.
#[derive(Debug)]
struct BucketKeys {
    bucket: Arc<Bucket>,
    follower: Follower,
}

pub(crate) fn leases(client: Arc<Client>) -> KvLeases {
    let bucket = Arc::new(Bucket::new(client, "leases", Duration::ZERO));
    let board = Arc::new(Board::new(bucket.client.env.clone()));
    let follower = Follower::start(Arc::clone(&bucket), Arc::clone(&board));
    KvLeases::new(Arc::new(BucketKeys { bucket, follower }), board)
}

impl Keys for BucketKeys {
    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Option<Bytes>,
        expected: u64,
    ) -> BoxFuture<'a, Result<u64, guildhall_kv::Fault>> {
        Box::pin(async move { Ok(self.bucket.set(key, value, expected).await?) })
    }

    fn get<'a>(
        &'a self,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Entry>, guildhall_kv::Fault>> {
        Box::pin(async move { Ok(self.bucket.get(key).await?) })
    }

    fn catch_up(&self) -> BoxFuture<'_, Result<u64, guildhall_kv::Fault>> {
        Box::pin(async move { Ok(self.follower.catch_up().await?) })
    }

    fn shows<'a>(
        &'a self,
        _: &'a str,
        revision: u64,
    ) -> BoxFuture<'a, Result<(), guildhall_kv::Fault>> {
        Box::pin(async move { Ok(self.follower.shows(revision).await?) })
    }
}

impl From<Fault> for guildhall_kv::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Conflict => Self::Conflict,
            Fault::Full(why) => Self::Full(why),
            other => Self::Failed(other.to_string()),
        }
    }
}
