//! The open file: opened at start, and again after the disk has failed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use guildhall_core::store::{StoreError, StoreErrorKind};
use parking_lot::Mutex;
use redb::{Database, DatabaseError, ReadableTable as _, TableDefinition};

use crate::Settings;

/// Table, key and sub key of a row.
pub(crate) type RowKey = (&'static str, &'static str, Option<&'static str>);
/// Table, column and value, and key and sub key of the row that has it.
pub(crate) type IndexKey = (&'static str, u32, &'static [u8], &'static str, Option<&'static str>);

pub(crate) const ROWS: TableDefinition<'static, RowKey, &[u8]> = TableDefinition::new("rows");
pub(crate) const INDEX: TableDefinition<'static, IndexKey, ()> = TableDefinition::new("index");
/// What was prepared, by table.
pub(crate) const SCHEMAS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("schemas");
/// `format`: how this file is laid out.
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const FORMAT: u64 = 2;

/// What an opener is told while somebody else has the file.
pub(crate) const ALREADY_OPEN: &str = "another process has this file open (or another store of this one); stop it, or give each its own directory";

/// The file of one store.
pub(crate) struct Client {
    path: PathBuf,
    cache_bytes: usize,
    open: Mutex<Option<Arc<Database>>>,
    /// Committed transactions.
    pub(crate) transactions: AtomicU64,
}

impl Client {
    /// Opens the file, which blocks.
    pub(crate) fn open(settings: &Settings) -> Result<Self, StoreError> {
        let path = settings.file();
        std::fs::create_dir_all(&settings.directory)
            .map_err(|e| unavailable("open", settings.directory.display(), e))?;
        let client = Self {
            path,
            cache_bytes: settings.cache_mb << 20,
            open: Mutex::default(),
            transactions: AtomicU64::new(0),
        };
        client.database()?;
        Ok(client)
    }

    /// The open file. After [`Client::lost`] it is opened again, so a disk that was full or away is used as soon as it is back.
    pub(crate) fn database(&self) -> Result<Arc<Database>, StoreError> {
        let mut open = self.open.lock();
        if let Some(database) = &*open {
            return Ok(Arc::clone(database));
        }
        let file = self.path.display();
        let database = redb::Builder::new()
            .set_cache_size(self.cache_bytes)
            .create(&self.path)
            .map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => unavailable("open", file, ALREADY_OPEN),
                error => unavailable("open", file, error),
            })?;
        self.lay_out(&database)?;
        let database = Arc::new(database);
        *open = Some(Arc::clone(&database));
        Ok(database)
    }

    /// Makes the tables, so that readers find them.
    fn lay_out(&self, database: &Database) -> Result<(), StoreError> {
        let laid_out = || -> Result<u64, redb::Error> {
            let mut transaction = database.begin_write()?;
            transaction.set_quick_repair(true);
            let mut meta = transaction.open_table(META)?;
            let format = meta.get("format")?.map(|format| format.value());
            if let Some(format) = format {
                return Ok(format);
            }
            meta.insert("format", FORMAT)?;
            drop(meta);
            transaction.open_table(ROWS)?;
            transaction.open_table(INDEX)?;
            transaction.open_table(SCHEMAS)?;
            transaction.commit()?;
            Ok(FORMAT)
        };
        let file = self.path.display();
        match laid_out() {
            Ok(FORMAT) => Ok(()),
            Ok(other) => {
                let message = format!(
                    "its layout is {other}, this program knows {FORMAT}; use the release that wrote it, or another directory"
                );
                Err(StoreError::new(StoreErrorKind::Invalid, "open", file, message))
            }
            Err(error) => Err(unavailable("open", file, error)),
        }
    }

    /// Forgets the open file after an error of the disk: redb refuses everything from then on.
    pub(crate) fn lost(&self, error: &dyn std::fmt::Display) {
        tracing::error!(file = %self.path.display(), %error, "the store's file failed; it will be opened again");
        self.open.lock().take();
    }

    pub(crate) fn failed(
        &self,
        operation: &'static str,
        error: impl std::fmt::Display,
    ) -> StoreError {
        unavailable(operation, self.path.display(), error)
    }

    /// The answer to a write whose commit failed.
    pub(crate) fn unknown(&self, operation: &'static str, error: &str) -> StoreError {
        let message = format!("{error}; the write may be in the file or not: read it back");
        StoreError::new(StoreErrorKind::Unknown, operation, self.path.display(), message)
    }
}

fn unavailable(
    operation: &'static str,
    subject: impl ToString,
    error: impl std::fmt::Display,
) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, operation, subject, error.to_string())
}
