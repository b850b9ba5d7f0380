//! What is in use of the hub's file. The file alone says little: the space of deleted rows is used again and not given back at once.

use std::path::Path;

use anyhow::{Context as _, Result};
use redb::Database;
use rustix::process::Signal;

use crate::process::Process;

/// Bytes of the pages that hold something, in a copy of `file`. The process that has it stands still meanwhile: the copy is as after a
/// crash at that moment, from which the file recovers.
pub(crate) fn used(process: &Process, file: &Path, copy: &Path) -> Result<u64> {
    process.signal(Signal::STOP);
    let copied = std::fs::copy(file, copy);
    process.signal(Signal::CONT);
    copied.with_context(|| format!("copy {}", file.display()))?;
    let opened = || -> Result<u64, redb::Error> {
        let transaction = Database::open(copy)?.begin_write()?;
        let stats = transaction.stats()?;
        transaction.abort()?;
        Ok(stats.allocated_pages() * stats.page_size() as u64)
    };
    opened().with_context(|| format!("read a copy of {}", file.display()))
}
