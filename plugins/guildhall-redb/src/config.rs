//! Settings in a `redb:` URL.

use std::path::{Path, PathBuf};

/// Settings of a store, all in its URL: `redb:./data?cache_mb=64&queue=16384&group=256&readers=4&compact_mb=8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The directory; made when missing.
    pub directory: PathBuf,
    /// Memory for pages of the file, in MiB. Default 64. Less means more reads of the disk.
    pub cache_mb: usize,
    /// How many writes may wait for the writer. Default 1024; a caller beyond that waits to be let in.
    pub queue: usize,
    /// How many waiting writes go into one transaction. Default 256. More means fewer syncs and longer transactions.
    pub group: usize,
    /// Reads that run at a time; further ones wait. Default 4. More lets a slow disk answer more of them at once; each has a thread, and
    /// the memory that the allocator keeps for that thread.
    pub readers: usize,
    /// From which size on, in MiB, a file is compacted of which less than half is used: when it is opened, and every hour. Default 8;
    /// 0 is never. While a file is compacted, reads and writes wait: about a second for 100 MiB.
    pub compact_mb: usize,
}

impl Settings {
    /// The defaults for `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            cache_mb: 64,
            queue: 16_384,
            group: 256,
            readers: 4,
            compact_mb: 8,
        }
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it, and how to write it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("redb:").unwrap_or(url);
        let (directory, options) = rest.split_once('?').unwrap_or((rest, ""));
        if directory.is_empty() {
            return Err("the directory is missing; write redb:./data".to_owned());
        }
        let mut settings = Self::new(directory);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, text) = option.split_once('=').unwrap_or((option, ""));
            let field = match name {
                "cache_mb" => &mut settings.cache_mb,
                "queue" => &mut settings.queue,
                "group" => &mut settings.group,
                "readers" => &mut settings.readers,
                "compact_mb" => &mut settings.compact_mb,
                _ => {
                    return Err(format!(
                        "unknown option `{name}`; known are cache_mb, queue, group, readers, compact_mb"
                    ));
                }
            };
            let least = usize::from(name != "compact_mb");
            *field =
                text.parse().ok().filter(|n| (least..=1_048_576).contains(n)).ok_or_else(|| {
                    format!("option `{name}` is `{text}`; write {least} to 1048576")
                })?;
        }
        Ok(settings)
    }

    /// The file in the directory.
    pub fn file(&self) -> PathBuf {
        Path::new(&self.directory).join("guildhall.redb")
    }
}
