//! `[resources]`: where a game's own data is, and how it is watched.

use std::path::PathBuf;
use std::time::Duration;

use guildhall_core::config::Config;
use serde::{Deserialize, Serialize};

use super::load::ResourceError;

/// `[resources]`: where the game's own data is, and how it is watched. May change at a reload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResourceConfig {
    /// The folder that loaders read from.
    pub dir: PathBuf,
    /// How often the folder is looked at for changes, in ms; 0 is never. What has changed is loaded when it has stayed the same
    /// for one look, so that files are not read while they are written.
    pub watch_ms: u64,
    /// Files below the folder; with more it is not watched.
    pub files_max: usize,
    /// How long a version is kept, in ms, for calls that began before the next one and have not asked for it yet. What a call
    /// has asked for stays as long as the call.
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

    pub(crate) fn keep(&self) -> Duration {
        Duration::from_millis(self.keep_ms)
    }
}
