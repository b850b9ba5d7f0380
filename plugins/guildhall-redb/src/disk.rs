//! [`Disk`]: opens the store file. Tests use one whose syncs fail.

use std::io;
use std::path::Path;

use redb::{Builder, Database, DatabaseError};

#[cfg(test)]
mod tests;

/// Where the file is.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Makes the next reads of the file come from the disk and not from the kernel's page cache. After an fsync that failed, Linux
    /// marks pages as clean that it has not written: a transaction that is read back from such pages looks committed.
    fn drop_page_cache(&self, path: &Path) -> io::Result<()>;

    /// Opens the file, or makes it.
    fn open(&self, builder: &Builder, path: &Path) -> Result<Database, DatabaseError>;
}

/// The file system of this machine.
pub(crate) struct FileSystem;

impl Disk for FileSystem {
    fn drop_page_cache(&self, path: &Path) -> io::Result<()> {
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            // The open makes it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        file.sync_all()?;
        #[cfg(target_os = "linux")]
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        Ok(())
    }

    fn open(&self, builder: &Builder, path: &Path) -> Result<Database, DatabaseError> {
        builder.create(path)
    }
}
