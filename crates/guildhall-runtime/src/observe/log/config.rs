//! `[log]`: level, format and destination of the log.

use guildhall_core::StartError;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// `[log]`: level, format and destination of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogConfig {
    /// Level: `error`, `warn`, `info`, `debug`, `trace` or `off`; also per module: `info,guildhall_gate=debug`. May change at a
    /// reload.
    pub level: String,
    /// `text`, or `json`: one object per line.
    pub format: String,
    /// Path of the log file; empty: stderr.
    pub file: String,
    /// Size at which the file is rotated, in bytes; `FILE.1` is the previous one.
    pub file_bytes_max: u64,
    /// Age at which the file is rotated, in s; 0: never.
    pub file_age_s: u64,
    /// Files that are kept, the current one included; the oldest is deleted.
    pub files_max: u32,
    /// Lines that wait to be written; further ones are dropped and counted, so that a slow disk does not block the app.
    pub queue_max: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: "text".into(),
            file: String::new(),
            file_bytes_max: 64 << 20,
            file_age_s: 86_400,
            files_max: 7,
            queue_max: 8192,
        }
    }
}

impl LogConfig {
    /// What is logged.
    pub(crate) fn check(&self) -> Result<Targets, StartError> {
        if !["text", "json"].contains(&self.format.as_str()) {
            let why = format!("log.format is `{}`; there are `text` and `json`", self.format);
            return Err(StartError::setting("log.format", why));
        }
        targets(&self.level).map_err(|why| StartError::setting("log.level", why))
    }
}

/// Reads a level, with those of parts of the program.
pub(super) fn targets(level: &str) -> Result<Targets, String> {
    let mut targets = Targets::new();
    for part in level.split(',').map(str::trim) {
        let (target, word) = part.split_once('=').unwrap_or(("", part));
        let read = word.parse::<LevelFilter>().ok().filter(|_| !word.is_empty());
        let read = read.ok_or_else(|| {
            format!("log.level: `{word}` is no level; write `info`, or `info,guildhall_gate=debug`")
        })?;
        targets = match target {
            "" => targets.with_default(read),
            target => targets.with_target(target, read),
        };
    }
    Ok(targets)
}
