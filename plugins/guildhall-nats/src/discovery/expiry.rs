//! Removes registrations that were not written again within their TTL.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use guildhall_core::AppId;

use super::board::Board;
use super::value;
use crate::bucket::Bucket;
use crate::fault::Fault;

/// Removals at a time.
const AT_ONCE: usize = 16;
/// When a removal is tried again that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// How often the task looks whether it is still wanted.
const IDLE: Duration = Duration::from_secs(1);

/// Starts the task; it ends with the board.
pub(super) fn start(bucket: &Arc<Bucket>, board: &Arc<Board>) {
    let (bucket, env) = (Arc::clone(bucket), bucket.client.env.clone());
    let board = Arc::downgrade(board);
    env.spawn("nats.expiry", async move {
        while let Some(next) = round(&bucket, &board).await {
            bucket.client.env.sleep_until(next).await;
        }
    });
}

/// Removes what is due; when to look again, or `None` when nobody needs it any more.
async fn round(bucket: &Bucket, board: &Weak<Board>) -> Option<guildhall_core::env::Instant> {
    let board = board.upgrade()?;
    let (due, next) = board.due();
    let removals = stream::iter(due).for_each_concurrent(AT_ONCE, |(id, revision)| {
        let board = &board;
        async move { remove(bucket, board, &id, revision).await }
    });
    removals.await;
    let idle = bucket.client.env.now() + IDLE;
    Some(next.map_or(idle, |next| next.min(idle)))
}

async fn remove(bucket: &Bucket, board: &Board, id: &AppId, revision: u64) {
    let key = id.to_string();
    let removed = match bucket.set(&key, None, revision).await {
        Err(Fault::Conflict) => match bucket.get(&key).await {
            // It was written, and the follower brings it; or it is gone.
            Ok(entry) => Ok(entry.as_ref().and_then(value::decode).is_none()),
            Err(fault) => Err(fault),
        },
        removed => removed.map(|_| true),
    };
    match removed {
        Ok(true) => board.remove(id, revision),
        Ok(false) | Err(_) => board.postpone(id, AGAIN),
    }
}
