//! The knobs of streams.

use serde::{Deserialize, Serialize};

/// What yamux grants a stream at its beginning, and what it counts with.
const WINDOW_MIN: usize = 256 << 10;

/// `[stream]`: streams of bytes between apps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StreamConfig {
    /// Streams of this app that are open at a time, those it has opened and those it serves; one more is `OVERLOADED`.
    pub streams_max: usize,
    /// Bytes that one stream may have on their way, at least 262144. An opener that writes more waits for its reader.
    pub window: usize,
    /// How long opening a stream may take, in ms.
    pub open_ms: u64,
    /// Streams that wait for their connection to open; one more is `OVERLOADED`.
    pub opening_max: usize,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self { streams_max: 4096, window: WINDOW_MIN, open_ms: 5_000, opening_max: 1024 }
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
            Self { window, .. } if *window < WINDOW_MIN => {
                Err(format!("stream.window is {window}; it must be at least {WINDOW_MIN}"))
            }
            _ => Ok(()),
        }
    }

    /// yamux ends the connection where its own limit is passed, so that one is larger than ours, which is an error of one stream.
    pub(super) fn yamux(&self) -> yamux::Config {
        let streams = self.streams_max.saturating_mul(2);
        let mut config = yamux::Config::default();
        config.set_max_num_streams(streams);
        config.set_max_connection_receive_window(Some(streams.saturating_mul(self.window)));
        config
    }
}
