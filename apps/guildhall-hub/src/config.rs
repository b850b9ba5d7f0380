//! `[hub]`: the hub's data folder and limits.

use serde::{Deserialize, Serialize};

/// `[hub]`: where a hub keeps its data, and its limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HubConfig {
    /// Directory of the hub's file; created if missing. May be followed by
    /// `?cache_mb=64&queue=16384&group=256&readers=4&compact_mb=8`, as in `redb:` URLs.
    pub data: String,
    /// Time after which a queue item that was not acknowledged is delivered again, in ms. Too small: items that are still being
    /// processed are delivered twice. Too large: items of a crashed consumer wait for long.
    pub ack_wait_ms: u64,
    /// Items of one queue; one more is refused.
    pub queue_items_max: usize,
    /// Bytes of the items of all queues; one more item is refused.
    pub queue_bytes_max: usize,
    /// Queues with items or waiting consumers; one more is refused.
    pub queues_max: usize,
    /// Watches and subscriptions of all clients; one more is refused.
    pub streams_max: usize,
    /// Messages that wait for one subscription; further ones are dropped, and the subscriber gets their number.
    pub subscription_max: usize,
    /// Longest time that a long poll of a client waits for an answer, in ms.
    pub poll_ms: u64,
    /// Time after which a watch or subscription that its client does not poll is dropped, in ms. More than `poll_ms`.
    pub idle_ms: u64,
    /// Different table definitions since the start of the hub; one more is refused.
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
