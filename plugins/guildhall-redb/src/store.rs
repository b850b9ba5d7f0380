//! [`RedbStore`]: the [`Store`] seam over one redb file.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use guildhall_core::store::{
    Batch, BatchReach, Capabilities, Committed, Compare, Page, Query, Row, RowId, Store,
    StoreError, StoreErrorKind, Table, Token, local,
};
use guildhall_core::{BoxFuture, Env, Key};
use redb::{ReadTransaction, ReadableDatabase as _};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;

use crate::Settings;
use crate::client::{ALREADY_OPEN, Client, ROWS, UNIQUE};
use crate::writer::{self, Job, place_of, read_row};

/// Rows in a file of this machine.
///
/// Writes that wait at the same time share a transaction and its sync of the disk; each is still all or nothing by itself. A
/// write that was let into the queue is done even if nobody waits for the answer. When the disk fails, writes answer
/// `Unavailable` (nothing was written) or `Unknown`, and the file is opened again for the next one.
pub struct RedbStore {
    env: Env,
    client: Arc<Client>,
    jobs: mpsc::Sender<Job>,
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
        let (jobs, waiting) = mpsc::channel(settings.queue);
        let group = settings.group;
        let file = settings.file();
        let deadline = env.now() + CLOSING;
        let client = loop {
            let settings = settings.clone();
            let opened = env.blocking(move || Client::open(&settings)).await.unwrap_or_else(|| {
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
        let writer = writer::run(env.clone(), Arc::downgrade(&client), waiting, group);
        env.spawn("redb.writer", writer);
        Ok(Self { env: env.clone(), client, jobs })
    }

    /// How many transactions were committed since it was opened.
    pub fn transactions(&self) -> u64 {
        self.client.transactions.load(Ordering::Relaxed)
    }

    async fn ask<T>(
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
    async fn look<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&ReadTransaction) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let client = Arc::clone(&self.client);
        let looked = self.env.blocking(move || {
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
enum ReadError {
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
        Capabilities { batch: BatchReach::Any, unique: true, order: false, durable: true }
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.ask("prepare", |answer| Job::Prepare(tables.to_vec(), answer)).await?
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
            let kept = transaction.open_table(ROWS)?;
            let mut read = Vec::with_capacity(rows.len());
            for id in &rows {
                let bytes = kept.get(place_of(id))?;
                let row = bytes.map(|bytes| read_row(id, bytes.value())).transpose();
                read.push(row.map_err(ReadError::Row)?);
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
        Box::pin(async move {
            query.check()?;
            self.look("query", move |transaction| answer(transaction, &asked)).await
        })
    }
}

fn answer(transaction: &ReadTransaction, query: &Query) -> Result<Page, ReadError> {
    let kept = transaction.open_table(ROWS)?;
    let table = query.table;
    let first = query.after.as_ref().map_or("", Key::as_str);
    let mut from = Bound::Included((table.name, first, None));
    if query.after.is_some() {
        from = Bound::Excluded((table.name, first, None));
    }
    let mut to = Bound::Unbounded;
    // A unique value has one row at most: no need to look at the others.
    let only = only_key(transaction, query)?;
    match &only {
        Some(Some(key)) if query.after.as_ref().is_none_or(|after| after < key) => {
            from = Bound::Included((table.name, key.as_str(), None));
            to = from;
        }
        Some(_) => {
            return Ok(Page { rows: Vec::new(), more: false });
        }
        None => {}
    }
    let mut page = Page { rows: Vec::new(), more: false };
    for entry in kept.range::<(&str, &str, Option<&str>)>((from, to))? {
        let (at, bytes) = entry?;
        let (name, key, sub) = at.value();
        if name != table.name {
            break;
        }
        if sub.is_some() {
            continue;
        }
        let key = Key::from(key);
        let id = RowId { table, key: key.clone(), sub: None };
        let row = read_row(&id, bytes.value()).map_err(ReadError::Row)?;
        if !query.matches(&key, &row) {
            continue;
        }
        if page.rows.len() == query.page_rows() {
            page.more = true;
            break;
        }
        page.rows.push((key, row));
    }
    Ok(page)
}

/// The key of the one row that can match, if the query asks for a unique value; `Some(None)` when nobody has it.
fn only_key(
    transaction: &ReadTransaction,
    query: &Query,
) -> Result<Option<Option<Key>>, ReadError> {
    let unique = query.conditions.iter().find_map(|condition| {
        let column = query.table.column(condition.column)?;
        let asks_for_one = column.unique && condition.compare == Compare::Equal;
        let value = local::unique_bytes(&condition.value)?;
        asks_for_one.then_some((query.table.name, condition.column, value))
    });
    let Some((table, column, value)) = unique else {
        return Ok(None);
    };
    let place = transaction.open_table(UNIQUE)?.get((table, column, value.as_slice()))?;
    Ok(Some(place.and_then(|place| match place.value() {
        (key, None) => Some(Key::from(key)),
        (_, Some(_)) => None,
    })))
}
