//! [`Disk`]: opens the store file. Tests use one whose syncs fail.

use std::io;
use std::path::Path;

use redb::{Builder, Database, DatabaseError, StorageError};

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
        if path.exists() { builder.create(path) } else { make(builder, path) }
    }
}

/// Makes the file under another name first: redb does not open a file whose maker was killed meanwhile. It stays open, as one that was
/// closed has other free pages.
fn make(builder: &Builder, path: &Path) -> Result<Database, DatabaseError> {
    let new = path.with_extension("new");
    let made = match builder.create(&new) {
        // Its maker was killed.
        Err(DatabaseError::Storage(StorageError::Io(error)))
            if error.kind() == io::ErrorKind::InvalidData =>
        {
            std::fs::remove_file(&new)?;
            builder.create(&new)
        }
        made => made,
    }?;
    match rename(&new, path) {
        Ok(()) => {}
        // Another maker was first, and has it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            drop(made);
            std::fs::remove_file(&new)?;
            return builder.create(path);
        }
        Err(error) => return Err(error.into()),
    }
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(made)
}

/// Renames a file; where the system can, not over another one.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Of a file system that has no such flag.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            done => return Ok(done?),
        }
    }
    std::fs::rename(from, to)
}
