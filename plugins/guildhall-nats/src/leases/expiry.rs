//! Ends sessions that were not renewed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use guildhall_core::env::Instant;
use guildhall_core::store::Holder;

use super::board::Board;
use super::key::Key;
use super::value::{self, SessionValue};
use crate::bucket::Bucket;
use crate::fault::Fault;

/// Sessions that are ended at a time.
const AT_ONCE: usize = 16;
/// When it is tried again after a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// How often the task looks whether it is still wanted, and at new sessions.
const IDLE: Duration = Duration::from_millis(500);

/// Starts the task; it ends with the board.
pub(super) fn start(bucket: &Arc<Bucket>, board: &Arc<Board>) {
    let (bucket, env) = (Arc::clone(bucket), bucket.client.env.clone());
    let board = Arc::downgrade(board);
    env.spawn("nats.sessions", async move {
        while let Some(next) = round(&bucket, &board).await {
            bucket.client.env.sleep_until(next).await;
        }
    });
}

/// Ends what is due; when to look again, or `None` when nobody needs it any more.
async fn round(bucket: &Bucket, board: &Weak<Board>) -> Option<Instant> {
    let board = board.upgrade()?;
    let (due, next) = board.due();
    let ends = stream::iter(due).for_each_concurrent(AT_ONCE, |(holder, revision)| {
        let board = &board;
        async move { end(bucket, board, &holder, revision).await }
    });
    ends.await;
    let idle = bucket.client.env.now() + IDLE;
    Some(next.map_or(idle, |next| next.min(idle)))
}

async fn end(bucket: &Bucket, board: &Board, holder: &Holder, revision: u64) {
    let key = Key::session(holder);
    let ended = match bucket.set(&key, None, revision).await {
        Err(Fault::Conflict) => match bucket.get(&key).await {
            // It was renewed, and the follower brings it; or it is gone, also without a word, as when the stream was purged.
            Ok(entry) => Ok(!matches!(value::decode::<SessionValue>(entry.as_ref()), Ok(Some(_)))),
            Err(fault) => Err(fault),
        },
        // The follower brings it, in its order.
        Ok(_) => Ok(false),
        Err(fault) => Err(fault),
    };
    match ended {
        Ok(true) => board.end(holder, revision),
        Ok(false) | Err(_) => board.postpone(holder, AGAIN),
    }
}
