//! [`RedbStore`]: the [`Store`] seam over one redb file.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use guildhall_core::store::bulk::Bulk;
use guildhall_core::store::{
    Batch, BatchReach, Capabilities, Committed, Migrate, PAGE_ROWS_MAX, Page, Query, Row, RowId,
    Store, StoreError, StoreErrorKind, Table, Token, Tombstone,
};
use guildhall_core::{BoxFuture, Env, Key};
use redb::{AccessGuard, ReadTransaction, ReadableDatabase as _};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::{Semaphore, oneshot};

use crate::Settings;
use crate::client::{ALREADY_OPEN, Client};
use crate::disk::{Disk, FileSystem};
use crate::tables::{INDEX, IndexKey, OVER, ROWS, TOMBSTONES, behind};
use crate::writer::{self, Job, place_of, read_row};

/// Rows in a file of this machine.
///
/// Writes that wait at the same time share a transaction and its sync of the disk; each is still all or nothing by itself. A
/// write that was let into the queue is done even if nobody waits for the answer. When the disk fails, writes answer
/// `Unavailable` (nothing was written) or `Unknown`, and the file is opened again for the next one. Until a write succeeds, the store
/// tries one of its own each second.
pub struct RedbStore {
    env: Env,
    client: Arc<Client>,
    jobs: mpsc::Sender<Job>,
    /// One permit per read at a time.
    readers: Arc<Semaphore>,
}

/// A store that was just dropped, or a process that was just killed, still closes its file: how long an opener waits for that.
const CLOSING: Duration = Duration::from_secs(1);

impl RedbStore {
    /// Opens the file, or makes it, and starts the writer on the runtime of the caller.
    ///
    /// # Errors
    /// `Unavailable`, naming the file, when it cannot be read or written, or another process has it.
    ///
    /// # Cancel safety
    /// The file may be made and closed again.
    pub async fn open(env: &Env, settings: Settings) -> Result<Self, StoreError> {
        Self::open_on(env, settings, Arc::new(FileSystem)).await
    }

    pub(crate) async fn open_on(
        env: &Env,
        settings: Settings,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(settings.queue);
        let (group, readers) = (settings.group, Arc::new(Semaphore::new(settings.readers)));
        let file = settings.file();
        let deadline = env.now() + CLOSING;
        let client = loop {
            let (settings, disk) = (settings.clone(), Arc::clone(&disk));
            let opened = env.blocking({
                let env = env.clone();
                move || Client::open(&env, &settings, disk)
            });
            let opened = opened.await.unwrap_or_else(|| {
                let message =
                    "opening it failed; the file may be damaged, restore it from a backup";
                Err(StoreError::new(StoreErrorKind::Unavailable, "open", file.display(), message))
            });
            match opened {
                Err(error) if error.message == ALREADY_OPEN && env.now() < deadline => {
                    env.sleep(CLOSING / 50).await;
                }
                opened => break opened?,
            }
        };
        let client = Arc::new(client);
        // The writer holds no more than a weak reference: the file is closed when the store is dropped.
        let lost = Arc::clone(&client.file_lost);
        let writer = writer::run(env.clone(), Arc::downgrade(&client), lost, waiting, group);
        env.spawn("redb.writer", writer);
        Ok(Self { env: env.clone(), client, jobs, readers })
    }

    /// How many transactions were committed since it was opened.
    pub fn transactions(&self) -> u64 {
        self.client.transactions.load(Ordering::Relaxed)
    }

    /// Bytes of pages in memory after the last write, at most `cache_mb` and about the size of the file: for a metric.
    pub fn cached(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.client.cached)
    }

    /// Whether the disk has failed, or is full, and no write has succeeded since.
    pub fn is_failing(&self) -> bool {
        self.client.failing.load(Ordering::Acquire)
    }

    pub(crate) async fn ask<T>(
        &self,
        operation: &'static str,
        job: impl FnOnce(oneshot::Sender<T>) -> Job,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(job(answer)).map_err(|error| {
            let why = match error {
                TrySendError::Full(_) => "too many writes wait for the disk (queue)",
                TrySendError::Closed(_) => "the store's writer has ended",
            };
            self.client.failed(operation, why)
        })?;
        answered.await.map_err(|_| {
            self.client.unknown(operation, "the store's writer ended before it answered")
        })
    }

    /// Reads in one snapshot, away from the workers.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&ReadTransaction) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let client = Arc::clone(&self.client);
        // A read whose caller went away still has its thread, and so its permit.
        let permit = Arc::clone(&self.readers).acquire_owned().await;
        let looked = self.env.blocking(move || {
            let _until_it_has_read = permit;
            let transaction = client.database()?.begin_read().map_err(redb::Error::from);
            let read = transaction.map_err(ReadError::File).and_then(|t| read(&t));
            read.map_err(|error| match error {
                ReadError::Row(error) => error,
                ReadError::File(error) => {
                    client.lost(&error);
                    client.failed(operation, error)
                }
            })
        });
        looked.await.unwrap_or_else(|| Err(self.client.failed(operation, "reading it failed")))
    }
}

/// What can go wrong with a read: the file, or the row in it.
pub(crate) enum ReadError {
    File(redb::Error),
    Row(StoreError),
}

impl<E: Into<redb::Error>> From<E> for ReadError {
    fn from(error: E) -> Self {
        Self::File(error.into())
    }
}

impl std::fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbStore").field("transactions", &self.transactions()).finish()
    }
}

impl Store for RedbStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { batch: BatchReach::Any, unique: true, order: true, durable: true }
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.ask("prepare", |answer| Job::Prepare(tables.to_vec(), migrate, answer)).await?
        })
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(
            async move { self.ask("claim", |answer| Job::Claim(rows.to_vec(), by, answer)).await? },
        )
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        let rows = rows.to_vec();
        Box::pin(self.look("read", move |transaction| {
            let (kept, tombstones) =
                (transaction.open_table(ROWS)?, transaction.open_table(TOMBSTONES)?);
            let mut read = Vec::with_capacity(rows.len());
            for id in &rows {
                let bytes = match kept.get(place_of(id))? {
                    Some(bytes) => Some(bytes),
                    None => tombstones.get(place_of(id))?,
                };
                let row = bytes.map(|bytes| read_row(id, bytes.value())).transpose();
                read.push(row.map_err(ReadError::Row)?.map(|kept| kept.row));
            }
            Ok(read)
        }))
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            let count = batches.len();
            let done = self.ask("commit", |answer| Job::Commit(batches, answer)).await;
            done.unwrap_or_else(|error| vec![Err(error); count])
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        let asked = query.clone();
        Box::pin(self.look("query", move |transaction| answer(transaction, &asked)))
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        let (after, now_ms) = (after.cloned(), self.client.now_ms());
        let limit = limit.min(PAGE_ROWS_MAX);
        Box::pin(self.look("tombstones", move |transaction| {
            page_of_tombstones(transaction, table, after.as_ref(), now_ms, limit)
        }))
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.ask("probe", Job::Probe).await? })
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        Some(self)
    }
}

fn page_of_tombstones(
    transaction: &ReadTransaction,
    table: &'static Table,
    after: Option<&Tombstone>,
    now_ms: u64,
    limit: usize,
) -> Result<Vec<Tombstone>, ReadError> {
    let (over, tombstones) = (transaction.open_table(OVER)?, transaction.open_table(TOMBSTONES)?);
    let from = match after {
        Some(last) => {
            let (_, key, sub) = place_of(&last.row);
            Bound::Excluded((table.name, last.over_ms, key, sub))
        }
        None => Bound::Included((table.name, 0, "", None)),
    };
    let to = Bound::Excluded((table.name, now_ms.saturating_add(1), "", None));
    let mut page = Vec::new();
    // A clock that went back may put the end before the beginning.
    if after.is_some_and(|last| last.over_ms > now_ms) {
        return Ok(page);
    }
    for entry in over.range::<(&str, u64, &str, Option<&str>)>((from, to))?.take(limit) {
        let (at, ()) = {
            let (at, nothing) = entry?;
            (at, nothing.value())
        };
        let (_, over_ms, key, sub) = at.value();
        let row = RowId { table, key: Key::from(key), sub: sub.map(Key::from) };
        if let Some(bytes) = tombstones.get(place_of(&row))? {
            let kept = read_row(&row, bytes.value()).map_err(ReadError::Row)?;
            let (token, version) = (kept.row.token, kept.row.version);
            page.push(Tombstone { row, token, version, over_ms });
        }
    }
    Ok(page)
}

fn answer(transaction: &ReadTransaction, query: &Query) -> Result<Page, ReadError> {
    let span = query.span().map_err(ReadError::Row)?;
    let rows = transaction.open_table(ROWS)?;
    let table = query.table;
    let read = |key: &str, bytes: &[u8]| {
        let id = RowId { table, key: Key::from(key), sub: None };
        let kept = read_row(&id, bytes).map_err(ReadError::Row)?;
        Ok((id.key, kept.row))
    };
    if span.is_empty() {
        return Ok(Page { rows: Vec::new(), next: None });
    }
    let Some(column) = span.column else {
        let behind = behind(table.name);
        let found = (table.name, span.from.1.as_str(), None)..(behind.as_str(), "", None);
        let found = rows.range::<(&str, &str, Option<&str>)>(found)?;
        return query.page(found.filter_map(|entry| match entry {
            Ok((at, bytes)) => {
                let (_, key, sub) = at.value();
                sub.is_none().then(|| read(key, bytes.value()))
            }
            Err(error) => Some(Err(error.into())),
        }));
    };
    let index = transaction.open_table(INDEX)?;
    let from = (table.name, column, &span.from.0[..], span.from.1.as_str(), None);
    let to = match &span.to {
        Some((value, key)) => (table.name, column, &value[..], key.as_str(), None),
        None => (table.name, column + 1, &[][..], "", None),
    };
    let found = index.range::<(&str, u32, &[u8], &str, Option<&str>)>(from..to)?;
    let row = |entry: Result<(AccessGuard<'_, IndexKey>, _), redb::StorageError>| {
        let at = match entry {
            Ok((at, _)) => at,
            Err(error) => return Some(Err(error.into())),
        };
        let (.., key, sub) = at.value();
        if sub.is_some() {
            return None;
        }
        match rows.get((table.name, key, None)) {
            Ok(bytes) => Some(read(key, bytes?.value())),
            Err(error) => Some(Err(error.into())),
        }
    };
    if span.down {
        query.page(found.rev().filter_map(row))
    } else {
        query.page(found.filter_map(row))
    }
}
