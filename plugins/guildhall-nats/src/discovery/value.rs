//! What a key of the bucket of apps holds.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::discovery::NodeRecord;
use guildhall_core::outside;
use prost::Message as _;

use guildhall_kv::Entry;

/// The longest TTL of a record.
pub(super) const TTL_MAX: Duration = Duration::from_secs(3600);

/// The value of a key.
#[derive(Clone, PartialEq, prost::Message)]
struct Value {
    #[prost(uint64, tag = "1")]
    ttl_ms: u64,
    #[prost(bytes = "bytes", tag = "2")]
    record: Bytes,
}

/// A registered app.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) node: NodeRecord,
    pub(super) ttl: Duration,
    pub(super) revision: u64,
}

pub(super) fn encode(node: &NodeRecord, ttl: Duration) -> Bytes {
    let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
    Value { ttl_ms, record: node.encode() }.encode_to_vec().into()
}

/// The app of an entry; `None` if it is gone, or if its bytes are no registration under this key.
pub(super) fn decode(entry: &Entry) -> Option<Known> {
    let value = Value::decode(entry.value.clone()?).map_err(|error| error.to_string());
    let read = value.and_then(|value| Ok((value.ttl_ms, NodeRecord::decode(&value.record)?)));
    match read {
        Ok((ttl_ms, node)) if node.id.to_string() == entry.key => {
            let ttl = Duration::from_millis(ttl_ms).min(TTL_MAX);
            Some(Known { node, ttl, revision: entry.revision })
        }
        Ok(_) => ignored(entry, "it has the record of another app"),
        Err(why) => ignored(entry, &why),
    }
}

fn ignored(entry: &Entry, why: &str) -> Option<Known> {
    tracing::debug!(key = %outside(&entry.key), why = %outside(why), "registration ignored");
    None
}
