//! `[stream]`: settings of streams.

use serde::{Deserialize, Serialize};

/// Bytes that yamux lets every stream have on their way; one over a long way may have more, out of what the others leave.
pub(super) const WINDOW: usize = 256 << 10;

/// `[stream]`: streams of bytes between apps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StreamConfig {
    /// Open streams of this app, those that it opened and those that it serves; one more is `OVERLOADED`. Each may have 262144 bytes
    /// in flight; a writer of more waits for the reader.
    pub streams_max: usize,
    /// Longest time to open a stream, in ms.
    pub open_ms: u64,
    /// Streams that wait for their connection to open; one more is `OVERLOADED`.
    pub opening_max: usize,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self { streams_max: 1024, open_ms: 5_000, opening_max: 1024 }
    }
}

impl StreamConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self { streams_max: 0, .. } => {
                Err("stream.streams_max is 0; it must be at least 1".into())
            }
            Self { opening_max: 0, .. } => {
                Err("stream.opening_max is 0; it must be at least 1".into())
            }
            _ => Ok(()),
        }
    }

    /// yamux ends the connection where its own limit is passed, so that one is larger than ours, which is an error of one stream.
    pub(super) fn yamux(&self) -> yamux::Config {
        let streams = self.streams_max.saturating_mul(2);
        let mut config = yamux::Config::default();
        // It asserts that the windows fit at every step, so the one that always fits comes first.
        config.set_max_connection_receive_window(None);
        config.set_max_num_streams(streams);
        config.set_max_connection_receive_window(Some(streams.saturating_mul(WINDOW)));
        config
    }
}
