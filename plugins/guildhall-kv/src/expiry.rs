//! Ends sessions that were not renewed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use guildhall_core::env::Instant;
use guildhall_core::store::Holder;

use crate::board::Board;
use crate::key::Key;
use crate::keys::{Fault, Keys};
use crate::value::{self, SessionValue};

/// Sessions that are ended at a time.
const AT_ONCE: usize = 16;
/// When it is tried again after a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// How often the task looks whether it is still wanted, and at new sessions.
const IDLE: Duration = Duration::from_millis(500);

/// Starts the task; it ends with the keys.
pub(crate) fn start(keys: &Arc<dyn Keys>, board: &Arc<Board>) {
    let env = board.env().clone();
    let (keys, board) = (Arc::downgrade(keys), Arc::downgrade(board));
    env.clone().spawn("kv.sessions", async move {
        while let Some(next) = round(&keys, &board).await {
            env.sleep_until(next).await;
        }
    });
}

/// Ends what is due; when to look again, or `None` when nobody needs it any more.
async fn round(keys: &Weak<dyn Keys>, board: &Weak<Board>) -> Option<Instant> {
    let (keys, board) = (keys.upgrade()?, board.upgrade()?);
    let (due, next) = board.due();
    let ends = stream::iter(due).for_each_concurrent(AT_ONCE, |(holder, revision)| {
        let (keys, board) = (&*keys, &*board);
        async move { end(keys, board, &holder, revision).await }
    });
    ends.await;
    let idle = board.env().now() + IDLE;
    Some(next.map_or(idle, |next| next.min(idle)))
}

async fn end(keys: &dyn Keys, board: &Board, holder: &Holder, revision: u64) {
    let key = Key::session(holder);
    let ended = match keys.set(&key, None, revision).await {
        Err(Fault::Conflict) => match keys.get(&key).await {
            // It was renewed, and the follower brings it; or it is gone, also without a word, as when the store was purged.
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
