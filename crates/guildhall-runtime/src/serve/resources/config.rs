//! `[resources]`: the folder of game data, and how often it is polled.

use std::path::PathBuf;
use std::time::Duration;

use guildhall_core::config::Config;
use serde::{Deserialize, Serialize};

use super::load::ResourceError;

/// `[resources]`: the folder of game data. May change at a reload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResourceConfig {
    /// Folder that loaders read from.
    pub dir: PathBuf,
    /// Time between two checks of the folder for changes, in ms; 0: never. A change is loaded when the folder was unchanged for one
    /// more check, so that files are not read while they are being written.
    pub watch_ms: u64,
    /// Files in the folder; a folder with more is not checked for changes.
    pub files_max: usize,
    /// Time that a replaced version is kept for calls that began before and have not asked for it yet, in ms. A version that a call
    /// uses stays as long as the call.
    pub keep_ms: u64,
}

impl Default for ResourceConfig {
    fn default() -> Self {
        Self { dir: "resources".into(), watch_ms: 500, files_max: 10_000, keep_ms: 60_000 }
    }
}

impl ResourceConfig {
    pub(crate) fn of(config: &Config) -> Result<Self, ResourceError> {
        config.section("resources").map_err(|error| ResourceError::new("", 0, error.to_string()))
    }

    pub(crate) fn keep_for(&self) -> Duration {
        Duration::from_millis(self.keep_ms)
    }
}
