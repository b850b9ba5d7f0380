//! [`MemoryStore`]: the in-memory implementation, for tests and for games without persistent state.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::Mutex;

use super::bulk::{self, BULK_ROWS_MAX, Bulk, Placed, Put, Remains};
use super::error::StoreError;
use super::index;
use super::local;
use super::query::{PAGE_ROWS_MAX, Page, Query};
use super::row::{Batch, Committed, Floor, LeaseId, Row, RowId, Token, Tombstone};
use super::rows::{Entry, Kept, Place, Rows};
use super::schema::{self, Migrate, Schema};
use super::table::Table;
use super::{BatchReach, Capabilities, Store};
use crate::{BoxFuture, Env, Key};

/// Rows in memory. Clones share them, so apps of one process can work on the same store.
#[derive(Clone)]
pub struct MemoryStore(Arc<Mutex<Tables>>);

impl MemoryStore {
    /// Makes an empty store, with the clock of this machine.
    pub fn new() -> Self {
        Self::with_clock(Env::real())
    }

    /// As [`MemoryStore::new`], with the clock of `env`: it says when tombstones may go.
    pub fn with_clock(env: Env) -> Self {
        Self(Arc::new(Mutex::new(Tables {
            env,
            schemas: BTreeMap::new(),
            rows: BTreeMap::new(),
            index: BTreeSet::new(),
            tombstones: BTreeMap::new(),
            over: BTreeSet::new(),
            floors: BTreeMap::new(),
            removed: BTreeMap::new(),
        })))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("rows", &self.0.lock().rows.len()).finish()
    }
}

struct Tables {
    env: Env,
    schemas: BTreeMap<&'static str, Arc<Schema>>,
    /// Those that exist: what queries walk over.
    rows: BTreeMap<RowKey, Row>,
    index: BTreeSet<IndexEntry>,
    tombstones: BTreeMap<RowKey, Kept>,
    /// Tombstones by table and when they may go.
    over: BTreeSet<(&'static str, u64, Place)>,
    floors: BTreeMap<LeaseId, Floor>,
    removed: BTreeMap<&'static str, u64>,
}

type RowKey = (&'static str, Key, Option<Key>);

/// Table, column, value, and which row has it.
type IndexEntry = (&'static str, u32, Vec<u8>, Place);

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { batch: BatchReach::Any, unique: true, order: true, durable: false }
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.0.lock().prepare(tables, migrate) })
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move { local::claim(&mut *self.0.lock(), rows, &by) })
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        Box::pin(async move {
            let kept = self.0.lock();
            rows.iter().map(|id| Ok(kept.get(id)?.map(|kept| kept.row))).collect()
        })
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            let mut kept = self.0.lock();
            batches.iter().map(|batch| local::commit(&mut *kept, batch)).collect()
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move { self.0.lock().query(query) })
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        Box::pin(async move { Ok(self.0.lock().page_of_tombstones(table, after, limit)) })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        Some(self)
    }
}

impl Bulk for MemoryStore {
    fn schemas(&self) -> BoxFuture<'_, Result<BTreeMap<String, Schema>, StoreError>> {
        let schemas = &self.0.lock().schemas;
        let schemas = schemas.iter().map(|(name, it)| ((*name).to_owned(), Schema::clone(it)));
        Box::pin(std::future::ready(Ok(schemas.collect())))
    }

    fn scan<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Placed>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Placed>, StoreError>> {
        Box::pin(async move { Ok(self.0.lock().scan(table.name, after, limit)) })
    }

    fn put<'a>(
        &'a self,
        table: &'static Table,
        puts: &'a [Put],
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move { bulk::put(&mut *self.0.lock(), table, puts) })
    }

    fn remains(&self) -> BoxFuture<'_, Result<Remains, StoreError>> {
        let Tables { floors, removed, .. } = &*self.0.lock();
        let removed = removed.iter().map(|(name, version)| ((*name).to_owned(), *version));
        let remains = Remains { floors: floors.clone(), removed: removed.collect() };
        Box::pin(std::future::ready(Ok(remains)))
    }

    fn raise<'a>(&'a self, remains: &'a Remains) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.0.lock().raise(remains) })
    }
}

impl Tables {
    fn prepare(&mut self, tables: &[&'static Table], migrate: Migrate) -> Result<(), StoreError> {
        let changes = schema::plan(tables, migrate, |table| {
            Ok(self.schemas.get(table.name).map(|seen| Schema::clone(seen)).unwrap_or_default())
        })?;
        let entries = changes.iter().map(|change| {
            let table = change.table;
            let rows = self.rows.iter().filter(|((name, ..), _)| *name == table.name);
            let rows = rows.map(|((_, key, sub), row)| {
                Ok((RowId { table, key: key.clone(), sub: sub.clone() }, row.clone()))
            });
            if change.index { index::rebuild(change, rows) } else { Ok(Vec::new()) }
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        for (change, entries) in changes.into_iter().zip(entries) {
            let name = change.table.name;
            self.schemas.insert(name, Arc::new(change.schema));
            entries.iter().try_for_each(|entry| self.set_entry(name, entry, true))?;
        }
        Ok(())
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let span = query.span()?;
        let table = query.table.name;
        if span.is_empty() {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        let Some(column) = span.column else {
            let from = (table, Key::from(span.from.1), None);
            let rows = self.rows.range(from..).take_while(|((name, ..), _)| *name == table);
            let rows = rows.filter(|((_, _, sub), _)| sub.is_none());
            return query.page(rows.map(|((_, key, _), row)| Ok((key.clone(), row.clone()))));
        };
        let at = |(value, key)| (table, column, value, (Key::from(key), None));
        let end = || (table, column + 1, Vec::new(), (Key::from(""), None));
        let found = self.index.range(at(span.from)..span.to.map_or_else(end, at));
        let found = found.filter(|(.., (_, sub))| sub.is_none());
        let rows = |(_, _, _, (key, _)): &IndexEntry| {
            let row = self.rows.get(&(table, key.clone(), None))?;
            Some(Ok((key.clone(), row.clone())))
        };
        if span.down {
            query.page(found.rev().filter_map(rows))
        } else {
            query.page(found.filter_map(rows))
        }
    }
}

impl Tables {
    /// Rows that exist, then tombstones, each in the order of keys.
    fn scan(&self, table: &'static str, after: Option<&Placed>, limit: usize) -> Vec<Placed> {
        let start = (table, Key::from(""), None);
        let at =
            after.map(|it| ((table, it.place.0.clone(), it.place.1.clone()), it.kept.row.exists));
        let rows = |at: Option<RowKey>| {
            let from = at.map_or(Bound::Included(start.clone()), Bound::Excluded);
            let rows = self.rows.range((from, Bound::Unbounded));
            rows.map(|(at, row)| (at, Kept { row: row.clone(), over_ms: 0 }))
        };
        let gone = |at: Option<RowKey>| {
            let from = at.map_or(Bound::Included(start.clone()), Bound::Excluded);
            self.tombstones.range((from, Bound::Unbounded)).map(|(at, kept)| (at, kept.clone()))
        };
        let is_here = |((name, ..), _): &(&RowKey, Kept)| *name == table;
        let placed = |((_, key, sub), kept): (&RowKey, Kept)| Placed {
            place: (key.clone(), sub.clone()),
            kept,
        };
        let limit = limit.min(BULK_ROWS_MAX);
        match at {
            Some((at, false)) => {
                gone(Some(at)).take_while(is_here).take(limit).map(placed).collect()
            }
            at => {
                let rows = rows(at.map(|(at, _)| at)).take_while(is_here);
                rows.chain(gone(None).take_while(is_here)).take(limit).map(placed).collect()
            }
        }
    }

    fn raise(&mut self, remains: &Remains) -> Result<(), StoreError> {
        bulk::raise(self, remains)
    }

    fn page_of_tombstones(
        &self,
        table: &'static Table,
        after: Option<&Tombstone>,
        limit: usize,
    ) -> Vec<Tombstone> {
        let from = after.map_or_else(
            || (table.name, 0, (Key::from(""), None)),
            |last| (table.name, last.over_ms, (last.row.key.clone(), last.row.sub.clone())),
        );
        let now_ms = self.now_ms();
        let due = self.over.range(from.clone()..);
        let due = due.take_while(|(name, over_ms, _)| *name == table.name && *over_ms <= now_ms);
        let due = due.filter(|at| after.is_none() || **at != from);
        let due = due.filter_map(|(name, over_ms, (key, sub))| {
            let kept = self.tombstones.get(&(*name, key.clone(), sub.clone()))?;
            Some(Tombstone {
                row: RowId { table, key: key.clone(), sub: sub.clone() },
                token: kept.row.token.clone(),
                version: kept.row.version,
                over_ms: *over_ms,
            })
        });
        due.take(limit.min(PAGE_ROWS_MAX)).collect()
    }
}

fn key_of(id: &RowId) -> RowKey {
    (id.table.name, id.key.clone(), id.sub.clone())
}

impl Rows for Tables {
    fn get(&self, id: &RowId) -> Result<Option<Kept>, StoreError> {
        let key = key_of(id);
        let exists = self.rows.get(&key).map(|row| Kept { row: row.clone(), over_ms: 0 });
        Ok(exists.or_else(|| self.tombstones.get(&key).cloned()))
    }

    fn put(&mut self, id: &RowId, was: Option<bool>, kept: Kept) -> Result<(), StoreError> {
        let key = key_of(id);
        match (was, kept.row.exists) {
            (Some(false), _) => self.remove(id)?,
            (Some(true), false) => _ = self.rows.remove(&key),
            _ => {}
        }
        if kept.row.exists {
            self.rows.insert(key, kept.row);
        } else {
            let (table, key_text, sub) = key.clone();
            self.over.insert((table, kept.over_ms, (key_text, sub)));
            self.tombstones.insert(key, kept);
        }
        Ok(())
    }

    fn remove(&mut self, id: &RowId) -> Result<(), StoreError> {
        let key = key_of(id);
        if let Some(gone) = self.tombstones.remove(&key) {
            let (table, key, sub) = key;
            self.over.remove(&(table, gone.over_ms, (key, sub)));
        }
        Ok(())
    }

    fn floor(&self, lease: &LeaseId) -> Result<Option<Floor>, StoreError> {
        Ok(self.floors.get(lease).cloned())
    }

    fn set_floor(&mut self, lease: &LeaseId, floor: Floor) -> Result<(), StoreError> {
        self.floors.insert(Arc::clone(lease), floor);
        Ok(())
    }

    fn removed_version(&self, table: &str) -> Result<u64, StoreError> {
        Ok(self.removed.get(table).copied().unwrap_or(0))
    }

    fn set_removed_version(&mut self, table: &'static str, version: u64) -> Result<(), StoreError> {
        self.removed.insert(table, version);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.env.wall().as_millis()).unwrap_or(u64::MAX)
    }

    fn schema(&self, table: &str) -> Result<Arc<Schema>, StoreError> {
        Ok(self.schemas.get(table).cloned().unwrap_or_default())
    }

    fn holder(&self, table: &str, column: u32, value: &[u8]) -> Result<Option<Place>, StoreError> {
        let Some(name) = self.schemas.get_key_value(table).map(|(name, _)| *name) else {
            return Ok(None);
        };
        let from = (name, column, value.to_vec(), (Key::from(""), None));
        let first = self.index.range(from..).next();
        let first = first.filter(|(t, c, v, _)| (*t, *c, &v[..]) == (name, column, value));
        Ok(first.map(|(.., place)| place.clone()))
    }

    fn set_entry(&mut self, table: &str, entry: &Entry, there: bool) -> Result<(), StoreError> {
        let Some(name) = self.schemas.get_key_value(table).map(|(name, _)| *name) else {
            return Ok(());
        };
        let (column, value, place) = entry.clone();
        let entry = (name, column, value, place);
        if there {
            self.index.insert(entry);
        } else {
            self.index.remove(&entry);
        }
        Ok(())
    }
}
