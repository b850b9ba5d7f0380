//! [`MemoryStore`]: the whole contract in a process's memory, for tests and for games that keep nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::index::{self, Entry, Place};
use super::local::{self, Rows};
use super::query::{Page, Query};
use super::row::{Batch, Committed, Row, RowId, Token};
use super::schema::{self, Migrate, Schema};
use super::table::Table;
use super::{BatchReach, Capabilities, Store, StoreError};
use crate::{BoxFuture, Key};

/// Rows in memory. Clones share them, so apps of one process can work on the same store.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Tables>>);

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("rows", &self.0.lock().rows.len()).finish()
    }
}

#[derive(Default)]
struct Tables {
    schemas: BTreeMap<&'static str, Arc<Schema>>,
    rows: BTreeMap<(&'static str, Key, Option<Key>), Row>,
    index: BTreeSet<IndexEntry>,
}

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
            rows.iter().map(|id| kept.get(id)).collect()
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

impl Rows for Tables {
    fn get(&self, id: &RowId) -> Result<Option<Row>, StoreError> {
        Ok(self.rows.get(&(id.table.name, id.key.clone(), id.sub.clone())).cloned())
    }

    fn put(&mut self, id: &RowId, row: Row) -> Result<(), StoreError> {
        self.rows.insert((id.table.name, id.key.clone(), id.sub.clone()), row);
        Ok(())
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
