//! One transaction at a time, for all writes that wait: a sync of the disk is shared by many.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use guildhall_core::store::bulk::{self, Put, Remains};
use guildhall_core::store::index;
use guildhall_core::store::local;
use guildhall_core::store::rows::{Entry, Kept, Place, Rows};
use guildhall_core::store::schema::{self, Change, Schema};
use guildhall_core::store::{
    Batch, Committed, Floor, LeaseId, Migrate, Row, RowId, StoreError, StoreErrorKind,
    Table as Entity, Token,
};
use guildhall_core::{Env, Key};
use redb::{ReadableTable, Table, WriteTransaction};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::client::Client;
use crate::row;
use crate::tables::{
    FLOORS, INDEX, IndexKey, META, OVER, OverKey, PROBE, REMOVED, ROWS, RowKey, SCHEMAS,
    TOMBSTONES, TRANSACTION, behind,
};

/// A write that waits, and where its answer goes.
pub(crate) enum Job {
    Prepare(Vec<&'static Entity>, Migrate, Answer<()>),
    Claim(Vec<RowId>, Token, Answer<Vec<Row>>),
    Commit(Vec<Batch>, oneshot::Sender<Vec<Result<Committed, StoreError>>>),
    Probe(Answer<()>),
    Put(&'static Entity, Vec<Put>, Answer<usize>),
    Raise(Remains, Answer<()>),
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// How often it is looked whether the file has much space that nobody uses.
const COMPACTS: Duration = Duration::from_secs(3600);

/// How often a disk is tried that has failed.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What a probe writes: more than what is left over in a full file.
const PROBE_BYTES: usize = 64 << 10;

/// Takes waiting jobs together, as many as there are up to `group`, until the store is dropped.
pub(crate) async fn run(
    env: Env,
    client: Weak<Client>,
    lost: Arc<Notify>,
    mut jobs: mpsc::Receiver<Job>,
    group: usize,
) {
    let mut waiting = Vec::with_capacity(group);
    let mut compacts = env.now() + COMPACTS;
    loop {
        let taken = tokio::select! {
            biased;
            taken = jobs.recv_many(&mut waiting, group) => taken,
            () = try_again(&env, &client, &lost) => {
                waiting.push(Job::Probe(oneshot::channel().0));
                1
            }
        };
        let Some(client) = client.upgrade().filter(|_| taken > 0) else {
            return;
        };
        let jobs = std::mem::take(&mut waiting);
        let transaction = env.blocking({
            let client = Arc::clone(&client);
            move || transact(&client, jobs)
        });
        // The answers of jobs that were lost with a panic are dropped, which their callers see.
        if transaction.await.is_none() {
            client.lost(&"a transaction panicked");
        }
        if env.now() >= compacts {
            let compacted = env.blocking(move || client.compact());
            if compacted.await.is_none() {
                tracing::error!("compacting the store file panicked");
            }
            compacts = env.now() + COMPACTS;
        }
    }
}

/// Waits until a disk that has failed is due for a probe. Without probes an outage would last until a caller writes, and a store that
/// is not ready may have no callers.
async fn try_again(env: &Env, client: &Weak<Client>, lost: &Notify) {
    let is_failing =
        || client.upgrade().is_some_and(|client| client.failing.load(Ordering::Acquire));
    loop {
        if !is_failing() {
            lost.notified().await;
        }
        env.sleep(TRY_AGAIN).await;
        if is_failing() {
            return;
        }
    }
}

/// Runs the jobs in one transaction, in their order. One that is refused changes nothing; the others do not notice.
fn transact(client: &Client, jobs: Vec<Job>) {
    let begun = client.database().and_then(|database| {
        database.begin_write().map_err(|error| {
            client.lost(&error);
            client.failed("begin", error)
        })
    });
    let mut transaction = match begun {
        Ok(transaction) => transaction,
        Err(error) => return jobs.into_iter().for_each(|job| job.fail(&error)),
    };
    // After a kill the file opens at once, however large it is.
    transaction.set_quick_repair(true);
    let mut replies = Vec::with_capacity(jobs.len());
    let written = match Open::new(client, &transaction) {
        Ok(mut open) => {
            replies.extend(jobs.into_iter().map(|job| job.run(&mut open)));
            open.finish()
        }
        Err(error) => {
            client.lost(&error);
            return jobs.into_iter().for_each(|job| job.fail(&error));
        }
    };
    let kept = match written {
        // Nothing but refusals and repetitions: there is nothing to sync.
        Ok(None) => Ok(()),
        Ok(Some(number)) => match transaction.commit() {
            Ok(()) => {
                client.transactions.fetch_add(1, Ordering::Relaxed);
                client.count_cache();
                client.works();
                Ok(())
            }
            Err(error) => {
                client.lost(&error);
                client.fate_of(number, &error.to_string())
            }
        },
        Err(error) => {
            // The file is opened again only when nobody has it any more.
            drop(transaction);
            client.lost(&error);
            Err(error)
        }
    };
    // When the transaction failed nobody's answer holds: a refusal may have seen a write that is not there.
    for reply in replies {
        reply(kept.as_ref().err());
    }
}

/// Sends the answer of a job, or the error of its transaction.
type Reply = Box<dyn FnOnce(Option<&StoreError>)>;

impl Job {
    fn run(self, open: &mut Open<'_>) -> Reply {
        match self {
            Self::Prepare(tables, migrate, answer) => reply(open.prepare(&tables, migrate), answer),
            Self::Claim(rows, by, answer) => reply(local::claim(open, &rows, &by), answer),
            Self::Probe(answer) => reply(open.probe(), answer),
            Self::Put(table, puts, answer) => reply(bulk::put(open, table, &puts), answer),
            Self::Raise(remains, answer) => reply(bulk::raise(open, &remains), answer),
            Self::Commit(batches, answer) => {
                let done: Vec<_> = batches.iter().map(|batch| local::commit(open, batch)).collect();
                Box::new(move |failed| {
                    let done = match failed {
                        Some(error) => vec![Err(error.clone()); done.len()],
                        None => done,
                    };
                    drop(answer.send(done));
                })
            }
        }
    }

    fn fail(self, error: &StoreError) {
        match self {
            Self::Prepare(.., answer) => drop(answer.send(Err(error.clone()))),
            Self::Claim(.., answer) => drop(answer.send(Err(error.clone()))),
            Self::Probe(answer) | Self::Raise(_, answer) => drop(answer.send(Err(error.clone()))),
            Self::Put(.., answer) => drop(answer.send(Err(error.clone()))),
            Self::Commit(batches, answer) => {
                drop(answer.send(vec![Err(error.clone()); batches.len()]));
            }
        }
    }
}

fn reply<T: 'static>(done: Result<T, StoreError>, answer: Answer<T>) -> Reply {
    Box::new(move |failed| {
        drop(answer.send(failed.map_or(done, |error| Err(error.clone()))));
    })
}

/// The tables within a transaction.
struct Open<'a> {
    client: &'a Client,
    transaction: &'a WriteTransaction,
    rows: Table<'a, RowKey, &'static [u8]>,
    tombstones: Table<'a, RowKey, &'static [u8]>,
    over: Table<'a, OverKey, ()>,
    floors: Table<'a, &'static str, &'static [u8]>,
    removed: Table<'a, &'static str, u64>,
    index: Table<'a, IndexKey, ()>,
    schemas: Table<'a, &'static str, &'static [u8]>,
    /// Those that were read already.
    seen: RefCell<BTreeMap<String, Arc<Schema>>>,
    /// Something was written.
    dirty: bool,
    /// The first failure of the file: the transaction must not be committed.
    broken: RefCell<Option<StoreError>>,
}

impl<'a> Open<'a> {
    fn new(client: &'a Client, transaction: &'a WriteTransaction) -> Result<Self, StoreError> {
        let failed = |error| client.failed("open", error);
        Ok(Self {
            client,
            transaction,
            rows: transaction.open_table(ROWS).map_err(failed)?,
            tombstones: transaction.open_table(TOMBSTONES).map_err(failed)?,
            over: transaction.open_table(OVER).map_err(failed)?,
            floors: transaction.open_table(FLOORS).map_err(failed)?,
            removed: transaction.open_table(REMOVED).map_err(failed)?,
            index: transaction.open_table(INDEX).map_err(failed)?,
            schemas: transaction.open_table(SCHEMAS).map_err(failed)?,
            seen: RefCell::default(),
            dirty: false,
            broken: RefCell::default(),
        })
    }

    /// The number of the transaction, if something was written.
    fn finish(self) -> Result<Option<u64>, StoreError> {
        let Self { client, transaction, dirty, broken, .. } = self;
        if let Some(error) = broken.into_inner() {
            return Err(error);
        }
        if !dirty {
            return Ok(None);
        }
        let number = || -> Result<u64, redb::Error> {
            let mut meta = transaction.open_table(META)?;
            let number = meta.get(TRANSACTION)?.map_or(0, |last| last.value()) + 1;
            meta.insert(TRANSACTION, number)?;
            Ok(number)
        };
        number().map(Some).map_err(|error| client.failed("commit", error))
    }

    /// Writes what nobody reads.
    fn probe(&mut self) -> Result<(), StoreError> {
        let written = || -> Result<(), redb::Error> {
            let mut probe = self.transaction.open_table(PROBE)?;
            probe.insert((), vec![0; PROBE_BYTES].as_slice())?;
            Ok(())
        };
        self.dirty = true;
        written().map_err(|error| {
            let error = self.client.failed("probe", error);
            self.broken.borrow_mut().get_or_insert(error).clone()
        })
    }

    fn prepare(&mut self, tables: &[&'static Entity], migrate: Migrate) -> Result<(), StoreError> {
        let changes = schema::plan(tables, migrate, |table| {
            self.schema(table.name).map(|schema| Schema::clone(&schema))
        })?;
        let entries = changes
            .iter()
            .map(|change| if change.index { self.rebuild(change) } else { Ok(Vec::new()) });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        for (change, entries) in changes.into_iter().zip(entries) {
            let name = change.table.name;
            let bytes = row::encode_schema(&change.schema);
            let kept = self.schemas.insert(name, bytes.as_slice()).map(drop);
            kept.map_err(|e| self.fault(e))?;
            self.dirty = true;
            self.seen.borrow_mut().insert(name.to_owned(), Arc::new(change.schema));
            entries.iter().try_for_each(|entry| self.set_entry(name, entry, true))?;
        }
        Ok(())
    }

    /// The entries of rows that were written before their columns had an index.
    fn rebuild(&self, change: &Change) -> Result<Vec<Entry>, StoreError> {
        let table = change.table;
        let behind = behind(table.name);
        let rows = self.rows.range((table.name, "", None)..(behind.as_str(), "", None));
        let rows = rows.map_err(|e| self.fault(e))?.map(|entry| {
            let (at, bytes) = entry.map_err(|e| self.fault(e))?;
            let (_, key, sub) = at.value();
            let id = RowId { table, key: key.into(), sub: sub.map(Key::from) };
            let kept = read_row(&id, bytes.value())?;
            Ok((id, kept.row))
        });
        index::rebuild(change, rows)
    }

    fn fault(&self, error: redb::StorageError) -> StoreError {
        let error = self.client.failed("write", error);
        self.broken.borrow_mut().get_or_insert(error).clone()
    }
}

impl Rows for Open<'_> {
    fn get(&self, id: &RowId) -> Result<Option<Kept>, StoreError> {
        let at = place_of(id);
        let bytes = match self.rows.get(at).map_err(|e| self.fault(e))? {
            Some(bytes) => Some(bytes),
            None => self.tombstones.get(at).map_err(|e| self.fault(e))?,
        };
        bytes.map(|bytes| read_row(id, bytes.value())).transpose()
    }

    fn put(&mut self, id: &RowId, was: Option<bool>, kept: Kept) -> Result<(), StoreError> {
        self.dirty = true;
        let at = place_of(id);
        match (was, kept.row.exists) {
            (Some(false), _) => self.remove(id)?,
            (Some(true), false) => {
                self.rows.remove(at).map(drop).map_err(|e| self.fault(e))?;
            }
            _ => {}
        }
        let (exists, over_ms) = (kept.row.exists, kept.over_ms);
        let bytes = row::encode(kept);
        if exists {
            let put = self.rows.insert(at, bytes.as_slice()).map(drop);
            return put.map_err(|e| self.fault(e));
        }
        let put = self.tombstones.insert(at, bytes.as_slice()).map(drop);
        put.map_err(|e| self.fault(e))?;
        let put = self.over.insert((at.0, over_ms, at.1, at.2), ()).map(drop);
        put.map_err(|e| self.fault(e))
    }

    fn remove(&mut self, id: &RowId) -> Result<(), StoreError> {
        self.dirty = true;
        let at = place_of(id);
        let Some(Kept { over_ms, .. }) = self.get(id)? else { return Ok(()) };
        self.tombstones.remove(at).map(drop).map_err(|e| self.fault(e))?;
        let gone = self.over.remove((at.0, over_ms, at.1, at.2)).map(drop);
        gone.map_err(|e| self.fault(e))
    }

    fn floor(&self, lease: &LeaseId) -> Result<Option<Floor>, StoreError> {
        let bytes = self.floors.get(&**lease).map_err(|e| self.fault(e))?;
        let floor = bytes.map(|bytes| row::decode_floor(bytes.value())).transpose();
        floor.map_err(|why| damaged("read", format!("the floor of {lease}"), &why))
    }

    fn set_floor(&mut self, lease: &LeaseId, floor: Floor) -> Result<(), StoreError> {
        self.dirty = true;
        let bytes = row::encode_floor(floor);
        let kept = self.floors.insert(&**lease, bytes.as_slice()).map(drop);
        kept.map_err(|e| self.fault(e))
    }

    fn removed_version(&self, table: &str) -> Result<u64, StoreError> {
        let version = self.removed.get(table).map_err(|e| self.fault(e))?;
        Ok(version.map_or(0, |version| version.value()))
    }

    fn set_removed_version(&mut self, table: &'static str, version: u64) -> Result<(), StoreError> {
        self.dirty = true;
        self.removed.insert(table, version).map(drop).map_err(|e| self.fault(e))
    }

    fn now_ms(&self) -> u64 {
        self.client.now_ms()
    }

    fn schema(&self, table: &str) -> Result<Arc<Schema>, StoreError> {
        if let Some(seen) = self.seen.borrow().get(table) {
            return Ok(Arc::clone(seen));
        }
        let bytes = self.schemas.get(table).map_err(|e| self.fault(e))?;
        let schema = bytes.map(|bytes| row::decode_schema(bytes.value())).transpose();
        let schema =
            Arc::new(schema.map_err(|why| damaged("read", table, &why))?.unwrap_or_default());
        self.seen.borrow_mut().insert(table.to_owned(), Arc::clone(&schema));
        Ok(schema)
    }

    fn holder(&self, table: &str, column: u32, value: &[u8]) -> Result<Option<Place>, StoreError> {
        let from = (table, column, value, "", None);
        let next = [value, &[0]].concat();
        let to = (table, column, next.as_slice(), "", None);
        let mut found = self.index.range(from..to).map_err(|e| self.fault(e))?;
        let first = found.next().transpose().map_err(|e| self.fault(e))?;
        Ok(first.map(|(at, _)| {
            let (.., key, sub) = at.value();
            (key.into(), sub.map(Key::from))
        }))
    }

    fn set_entry(&mut self, table: &str, entry: &Entry, there: bool) -> Result<(), StoreError> {
        self.dirty = true;
        let (column, value, (key, sub)) = entry;
        let at = (table, *column, value.as_slice(), key.as_str(), sub.as_ref().map(Key::as_str));
        let kept = if there {
            self.index.insert(at, ()).map(drop)
        } else {
            self.index.remove(at).map(drop)
        };
        kept.map_err(|e| self.fault(e))
    }
}

/// Where a row lies.
pub(crate) fn place_of(id: &RowId) -> (&str, &str, Option<&str>) {
    (id.table.name, id.key.as_str(), id.sub.as_ref().map(Key::as_str))
}

/// Reads the row `id`; a damaged one is an error of whoever asks for it.
pub(crate) fn read_row(id: &RowId, bytes: &[u8]) -> Result<Kept, StoreError> {
    row::decode(bytes).map_err(|why| damaged("read", id, &why))
}

pub(crate) fn damaged(operation: &'static str, subject: impl ToString, why: &str) -> StoreError {
    let message = format!("what the file holds is damaged: {why}; restore it from a backup");
    StoreError::new(StoreErrorKind::Invalid, operation, subject, message)
}
