//! The open file: opened at start, and again after the disk has failed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use guildhall_core::Env;
use guildhall_core::store::{StoreError, StoreErrorKind};
use parking_lot::Mutex;
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _};
use tokio::sync::Notify;

use crate::config::Settings;
use crate::disk::Disk;
use crate::layout;
use crate::tables::{FLOORS, INDEX, META, REMOVED, SCHEMAS, TRANSACTION};

const FORMAT: u64 = 3;
/// Where tombstones were among the rows.
const FORMAT_BEFORE: u64 = 2;

/// How long tombstones of files of an earlier release are kept: as long as records were by default.
const KEPT_BEFORE_MS: u64 = 7 * 24 * 3_600_000;

/// What an opener is told while somebody else has the file.
pub(crate) const ALREADY_OPEN: &str = "another process has this file open (or another store of this one); stop it, or give each its own directory";

/// The file of one store.
pub(crate) struct Client {
    path: PathBuf,
    cache_bytes: usize,
    compact_bytes: u64,
    env: Env,
    disk: Arc<dyn Disk>,
    open: Mutex<Option<Arc<Database>>>,
    /// The disk has failed, and no write has succeeded since.
    pub(crate) failing: AtomicBool,
    /// Wakes the writer when the disk fails.
    pub(crate) file_lost: Arc<Notify>,
    /// Bytes of the page cache.
    pub(crate) cached: Arc<AtomicI64>,
    /// Committed transactions.
    pub(crate) transactions: AtomicU64,
}

impl Client {
    /// Opens the file, which blocks.
    pub(crate) fn open(
        env: &Env,
        settings: &Settings,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, StoreError> {
        let path = settings.file();
        std::fs::create_dir_all(&settings.directory)
            .map_err(|e| unavailable("open", settings.directory.display(), e))?;
        let client = Self {
            path,
            cache_bytes: settings.cache_mb << 20,
            compact_bytes: (settings.compact_mb as u64) << 20,
            env: env.clone(),
            disk,
            open: Mutex::default(),
            failing: AtomicBool::new(false),
            file_lost: Arc::default(),
            cached: Arc::default(),
            transactions: AtomicU64::new(0),
        };
        client.database()?;
        client.compact();
        Ok(client)
    }

    /// The open file. After [`Client::lost`] it is opened again, so a disk that was full or away is used as soon as it is back.
    pub(crate) fn database(&self) -> Result<Arc<Database>, StoreError> {
        let mut open = self.open.lock();
        if let Some(database) = &*open {
            return Ok(Arc::clone(database));
        }
        let file = self.path.display();
        if self.failing.load(Ordering::Acquire) {
            let dropped = self.disk.drop_page_cache(&self.path);
            dropped.map_err(|error| unavailable("open", &file, error))?;
        }
        let mut builder = redb::Builder::new();
        builder.set_cache_size(self.cache_bytes);
        let database = self.disk.open(&builder, &self.path).map_err(|error| match error {
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
            if let Some(format) = format.filter(|format| *format != FORMAT_BEFORE) {
                return Ok(format);
            }
            meta.insert("format", FORMAT)?;
            drop(meta);
            transaction.open_table(INDEX)?;
            transaction.open_table(SCHEMAS)?;
            transaction.open_table(FLOORS)?;
            transaction.open_table(REMOVED)?;
            // None is removed before any record that this release knows of has run out.
            layout::part_tombstones(&transaction, self.now_ms().saturating_add(KEPT_BEFORE_MS))?;
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

    /// Forgets the open file after an error of the disk: redb refuses everything from then on. An outage is said once.
    pub(crate) fn lost(&self, error: &dyn std::fmt::Display) {
        self.open.lock().take();
        if !self.failing.swap(true, Ordering::AcqRel) {
            tracing::error!(file = %self.path.display(), %error, "store file failed; reopening it until it works");
            self.file_lost.notify_one();
        }
    }

    /// Counts the page cache. For the writer, behind a write: redb 4.4 subtracts counters that a write under way has not both counted up,
    /// which is a panic in debug builds.
    pub(crate) fn count_cache(&self) {
        let open = self.open.lock();
        let bytes = open.as_ref().map_or(0, |database| database.cache_stats().used_bytes());
        self.cached.store(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// A write is in the file.
    pub(crate) fn works(&self) {
        if self.failing.load(Ordering::Acquire) && self.failing.swap(false, Ordering::AcqRel) {
            tracing::info!(file = %self.path.display(), "store file works again");
        }
    }

    /// What became of the transaction with this number, whose commit failed with `error`: the file knows, once it can be opened.
    pub(crate) fn fate_of(&self, transaction: u64, error: &str) -> Result<(), StoreError> {
        let last = || -> Result<u64, redb::Error> {
            let database = self.database().map_err(|_| redb::Error::PreviousIo)?;
            let meta = database.begin_read()?.open_table(META)?;
            Ok(meta.get(TRANSACTION)?.map_or(0, |last| last.value()))
        };
        match last() {
            Ok(last) if last >= transaction => Ok(()),
            Ok(_) => Err(self.failed("commit", error)),
            Err(_) => Err(self.unknown("commit", error)),
        }
    }

    /// Gives the space of a file back of which less than half is used. A reader that is at work puts it off.
    pub(crate) fn compact(&self) {
        let size = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        if self.compact_bytes == 0 || size < self.compact_bytes {
            return;
        }
        let compacted = || -> Result<bool, redb::Error> {
            let Ok(database) = self.database() else { return Ok(false) };
            let transaction = database.begin_write()?;
            let stats = transaction.stats()?;
            transaction.abort()?;
            drop(database);
            if stats.allocated_pages().saturating_mul(stats.page_size() as u64) > size / 2 {
                return Ok(false);
            }
            let mut open = self.open.lock();
            let Some(database) = open.take() else { return Ok(false) };
            match Arc::try_unwrap(database) {
                Ok(mut database) => {
                    let done = database.compact();
                    *open = Some(Arc::new(database));
                    done.map_err(redb::Error::from)
                }
                Err(shared) => {
                    *open = Some(shared);
                    Ok(false)
                }
            }
        };
        let file = self.path.display();
        match compacted() {
            Ok(true) => {
                let now = std::fs::metadata(&self.path).map_or(0, |file| file.len());
                tracing::info!(%file, before = size, now, "store file compacted");
            }
            Ok(false) => {}
            Err(redb::Error::TransactionInProgress) => {}
            Err(error) => self.lost(&error),
        }
    }

    /// Ms since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.env.wall().as_millis()).unwrap_or(u64::MAX)
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
        let message = format!("{error}; whether the write is in the file is unknown: read it back");
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
