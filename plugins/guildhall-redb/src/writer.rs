//! One transaction at a time, for all writes that wait: a sync of the disk is shared by many.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use guildhall_core::store::local::{self, Place, Rows};
use guildhall_core::store::{
    Batch, Committed, Row, RowId, StoreError, StoreErrorKind, Table as Entity, Token,
};
use guildhall_core::{Env, Key};
use redb::{ReadableTable, Table, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use crate::client::{Client, ROWS, RowKey, SCHEMAS, UNIQUE, UniqueKey, UniqueRow};
use crate::row;

/// A write that waits, and where its answer goes.
pub(crate) enum Job {
    Prepare(Vec<&'static Entity>, Answer<()>),
    Claim(Vec<RowId>, Token, Answer<Vec<Row>>),
    Commit(Vec<Batch>, oneshot::Sender<Vec<Result<Committed, StoreError>>>),
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Takes waiting jobs together, as many as there are up to `group`, until the store is dropped.
pub(crate) async fn run(
    env: Env,
    client: Weak<Client>,
    mut jobs: mpsc::Receiver<Job>,
    group: usize,
) {
    let mut waiting = Vec::with_capacity(group);
    while jobs.recv_many(&mut waiting, group).await > 0 {
        let Some(client) = client.upgrade() else {
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
            open.broken.into_inner().map_or(Ok(open.dirty), Err)
        }
        Err(error) => {
            client.lost(&error);
            return jobs.into_iter().for_each(|job| job.fail(&error));
        }
    };
    let kept = match written {
        // Nothing but refusals and repetitions: there is nothing to sync.
        Ok(false) => Ok(()),
        Ok(true) => transaction
            .commit()
            .inspect(|()| _ = client.transactions.fetch_add(1, Ordering::Relaxed))
            .map_err(|error| client.unknown("commit", &error.to_string())),
        Err(error) => Err(error),
    };
    if let Err(error) = &kept {
        client.lost(error);
    }
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
            Self::Prepare(tables, answer) => {
                reply(tables.iter().try_for_each(|table| open.prepare(table)), answer)
            }
            Self::Claim(rows, by, answer) => reply(local::claim(open, &rows, &by), answer),
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
            Self::Prepare(_, answer) => drop(answer.send(Err(error.clone()))),
            Self::Claim(.., answer) => drop(answer.send(Err(error.clone()))),
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
    rows: Table<'a, RowKey, &'static [u8]>,
    unique: Table<'a, UniqueKey, UniqueRow>,
    schemas: Table<'a, &'static str, &'static [u8]>,
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
            rows: transaction.open_table(ROWS).map_err(failed)?,
            unique: transaction.open_table(UNIQUE).map_err(failed)?,
            schemas: transaction.open_table(SCHEMAS).map_err(failed)?,
            dirty: false,
            broken: RefCell::default(),
        })
    }

    fn prepare(&mut self, table: &'static Entity) -> Result<(), StoreError> {
        let damaged = |why| StoreError::new(StoreErrorKind::Invalid, "prepare", table.name, why);
        let bytes = self.schemas.get(table.name).map_err(|e| self.fault(e))?;
        let seen = bytes.map(|bytes| row::decode_schema(bytes.value())).transpose();
        let seen = seen.map_err(damaged)?.unwrap_or_default();
        let schema = seen.evolve(table)?;
        if schema == seen {
            return Ok(());
        }
        if !schema.unique().eq(seen.unique()) {
            self.index(table)?;
        }
        let bytes = row::encode_schema(&schema);
        let kept = self.schemas.insert(table.name, bytes.as_slice()).map(drop);
        self.dirty = true;
        kept.map_err(|e| self.fault(e))
    }

    /// Notes the unique values of rows that were written when other columns were unique.
    fn index(&mut self, table: &'static Entity) -> Result<(), StoreError> {
        let mut found: BTreeMap<(u32, Vec<u8>), Place> = BTreeMap::new();
        for entry in self.rows.range((table.name, "", None)..).map_err(|e| self.fault(e))? {
            let (at, bytes) = entry.map_err(|e| self.fault(e))?;
            let (name, key, sub) = at.value();
            if name != table.name {
                break;
            }
            let id = RowId { table, key: key.into(), sub: sub.map(Key::from) };
            let place = (id.key.clone(), id.sub.clone());
            for (column, value) in local::unique_values(table, &read_row(&id, bytes.value())?) {
                if let Some(other) = found.insert((column, value), place.clone()) {
                    return Err(local::taken_value(table, column, &id, &other));
                }
            }
        }
        self.dirty = true;
        let cleared = self.unique.retain(|(name, ..), _| name != table.name);
        cleared.map_err(|e| self.fault(e))?;
        for ((column, value), place) in found {
            self.set_unique(table.name, column, &value, Some(&place))?;
        }
        Ok(())
    }

    fn fault(&self, error: redb::StorageError) -> StoreError {
        let error = self.client.failed("write", error);
        self.broken.borrow_mut().get_or_insert(error).clone()
    }
}

impl Rows for Open<'_> {
    fn get(&self, id: &RowId) -> Result<Option<Row>, StoreError> {
        let bytes = self.rows.get(place_of(id)).map_err(|e| self.fault(e))?;
        bytes.map(|bytes| read_row(id, bytes.value())).transpose()
    }

    fn put(&mut self, id: &RowId, row: Row) -> Result<(), StoreError> {
        self.dirty = true;
        let bytes = row::encode(row);
        let kept = self.rows.insert(place_of(id), bytes.as_slice()).map(drop);
        kept.map_err(|e| self.fault(e))
    }

    fn unique(&self, table: &str, column: u32, value: &[u8]) -> Result<Option<Place>, StoreError> {
        let place = self.unique.get((table, column, value)).map_err(|e| self.fault(e))?;
        Ok(place.map(|place| {
            let (key, sub) = place.value();
            (key.into(), sub.map(Key::from))
        }))
    }

    fn set_unique(
        &mut self,
        table: &str,
        column: u32,
        value: &[u8],
        place: Option<&Place>,
    ) -> Result<(), StoreError> {
        self.dirty = true;
        let at = (table, column, value);
        let kept = match place {
            Some((key, sub)) => {
                self.unique.insert(at, (key.as_str(), sub.as_ref().map(Key::as_str))).map(drop)
            }
            None => self.unique.remove(at).map(drop),
        };
        kept.map_err(|e| self.fault(e))
    }
}

/// Where a row lies.
pub(crate) fn place_of(id: &RowId) -> (&str, &str, Option<&str>) {
    (id.table.name, id.key.as_str(), id.sub.as_ref().map(Key::as_str))
}

/// Reads the row `id`; a damaged one is an error of whoever asks for it.
pub(crate) fn read_row(id: &RowId, bytes: &[u8]) -> Result<Row, StoreError> {
    row::decode(bytes).map_err(|why| {
        let message = format!("the row in the file is damaged: {why}; restore it from a backup");
        StoreError::new(StoreErrorKind::Invalid, "read", id, message)
    })
}
