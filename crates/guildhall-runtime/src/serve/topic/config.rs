//! `[broker]`: settings of topics.

use serde::{Deserialize, Serialize};

/// `[broker]`: casts by topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BrokerConfig {
    /// Casts of one topic that wait in this app; further ones are dropped and counted. Too small: bursts are lost.
    pub buffer: usize,
    /// Handlers of one topic that run at a time; further casts wait in `buffer`.
    pub running_max: usize,
    /// Topics that this app subscribes to at a time; one more is `OVERLOADED`.
    pub subscriptions_max: usize,
    /// First pause before a lost topic is subscribed again, in ms; doubles up to `retry_max_ms`.
    pub retry_ms: u64,
    /// Longest pause before a lost topic is subscribed again, in ms. Too large: casts are lost for longer after the broker is back.
    pub retry_max_ms: u64,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            buffer: 1024,
            running_max: 256,
            subscriptions_max: 4096,
            retry_ms: 100,
            retry_max_ms: 5_000,
        }
    }
}
