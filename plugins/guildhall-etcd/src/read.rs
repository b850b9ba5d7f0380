//! Reads all keys of a prefix, as they are at one revision.

use bytes::Bytes;

use crate::client::Client;
use crate::fault::Fault;
use crate::keys::after;
use crate::proto::{KeyValue, RangeRequest};
use crate::txn::revision_of;

/// Keys of one answer.
const PAGE: i64 = 1000;
/// Keys of one prefix; more are refused, because all of them are kept in memory.
pub(crate) const KEYS_MAX: usize = 262_144;

/// All keys of a prefix at a revision.
pub(crate) struct Read {
    pub(crate) revision: i64,
    pub(crate) keys: Vec<KeyValue>,
}

/// Reads a prefix, page by page.
pub(crate) async fn read(client: &Client, prefix: &Bytes) -> Result<Read, Fault> {
    let (mut keys, end) = (Vec::<KeyValue>::new(), after(prefix));
    let (mut from, mut revision) = (prefix.clone(), 0);
    loop {
        let page = RangeRequest {
            key: from,
            range_end: end.clone(),
            limit: PAGE,
            revision,
            ..RangeRequest::default()
        };
        let page = client.call(page).await?;
        if revision == 0 {
            revision = revision_of(page.header.as_ref())?;
        }
        keys.extend(page.kvs);
        if keys.len() > KEYS_MAX {
            return Err(Fault::Refused(format!("there are more than {KEYS_MAX} keys of one kind")));
        }
        let Some(last) = keys.last().filter(|_| page.more) else {
            return Ok(Read { revision, keys });
        };
        from = [&last.key[..], &[0]].concat().into();
    }
}
