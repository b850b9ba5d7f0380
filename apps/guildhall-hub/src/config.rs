//! `[hub]`: where the hub keeps its data, and its limits.

use serde::{Deserialize, Serialize};

/// `[hub]`: where a hub keeps its data, and its limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HubConfig {
    /// The directory of its file, which is made; `?cache_mb=64&queue=16384&group=256&readers=4&compact_mb=8` may follow, as in `redb:` URLs.
    pub data: String,
    /// After how long an item of a queue comes again that was not acknowledged, in ms.
    pub ack_wait_ms: u64,
    /// Items of one queue; one more is refused.
    pub queue_items_max: usize,
    /// Bytes of the items of all queues.
    pub queue_bytes_max: usize,
    /// Queues that have items or poppers.
    pub queues_max: usize,
    /// Watches and subscriptions; one more is refused.
    pub streams_max: usize,
    /// Messages that wait for one subscription; further ones are lost to it, and it is told how many.
    pub subscription_max: usize,
    /// How long a question may wait for an answer, in ms.
    pub poll_ms: u64,
    /// After how long a watch or subscription is dropped that nobody asks for, in ms.
    pub idle_ms: u64,
    /// Different definitions of tables, since it was started.
    pub tables_max: usize,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            data: "./hub".into(),
            ack_wait_ms: 30_000,
            queue_items_max: 65_536,
            queue_bytes_max: 64 << 20,
            queues_max: 4096,
            streams_max: 16_384,
            subscription_max: 1024,
            poll_ms: 10_000,
            idle_ms: 60_000,
            tables_max: 4096,
        }
    }
}
