//! Notices the end of a session without asking for it.

use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::mirror::{Meaning, Mirror};
use crate::proto::KeyValue;

/// Cancels `ended` when the key of a session is gone or belongs to another lease: a server may end a lease early.
pub(super) async fn watch_session(
    client: Arc<Client>,
    key: Bytes,
    lease: i64,
    ended: CancellationToken,
) {
    let mirror = Mirror::<SessionKey>::new(&client, key, "");
    loop {
        let Ok(mut changes) = mirror.watch().await else {
            client.env.sleep(client.outage.pause()).await;
            continue;
        };
        let mut present = None;
        let mut synced = false;
        while let Some(change) = changes.recv().await {
            match change {
                Seen::Lease(lease) => present = Some(lease),
                Seen::Gone => present = None,
                Seen::Synced => synced = true,
            }
            if synced && present != Some(lease) {
                return ended.cancel();
            }
        }
    }
}

/// What the key of a session means.
struct SessionKey;

enum Seen {
    Lease(i64),
    Gone,
    Synced,
}

impl Meaning for SessionKey {
    type Value = i64;
    type Change = Seen;

    fn value(_name: &str, kept: &KeyValue) -> Option<i64> {
        Some(kept.lease)
    }

    fn put(lease: &i64) -> Seen {
        Seen::Lease(*lease)
    }

    fn gone(_lease: &i64) -> Seen {
        Seen::Gone
    }

    fn synced() -> Seen {
        Seen::Synced
    }
}
