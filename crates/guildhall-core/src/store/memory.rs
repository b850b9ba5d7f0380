//! [`MemoryStore`]: the whole contract in a process's memory, for tests and for games that keep nothing.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::Mutex;

use super::local::{self, Place, Rows};
use super::query::{Page, Query};
use super::row::{Batch, Committed, Row, RowId, Token};
use super::schema::Schema;
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
    schemas: BTreeMap<&'static str, Schema>,
    rows: BTreeMap<(&'static str, Key, Option<Key>), Row>,
    unique: BTreeMap<(String, u32, Vec<u8>), Place>,
}

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { batch: BatchReach::Any, unique: true, order: false, durable: false }
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut kept = self.0.lock();
            tables.iter().try_for_each(|table| kept.prepare(table))
        })
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
        Box::pin(async move {
            query.check()?;
            Ok(self.0.lock().query(query))
        })
    }
}

impl Tables {
    fn prepare(&mut self, table: &'static Table) -> Result<(), StoreError> {
        let schema = self.schemas.entry(table.name).or_default().evolve(table)?;
        // Columns may have become unique since the rows were written.
        let mut unique = BTreeMap::new();
        for ((name, key, sub), row) in &self.rows {
            if *name != table.name {
                continue;
            }
            for (column, value) in local::unique_values(table, row) {
                let place = (key.clone(), sub.clone());
                if let Some(other) = unique.insert((table.name.to_owned(), column, value), place) {
                    let id = RowId { table, key: key.clone(), sub: sub.clone() };
                    return Err(local::taken_value(table, column, &id, &other));
                }
            }
        }
        self.unique.retain(|(name, ..), _| name != table.name);
        self.unique.append(&mut unique);
        self.schemas.insert(table.name, schema);
        Ok(())
    }

    fn query(&self, query: &Query) -> Page {
        let name = query.table.name;
        let from = match &query.after {
            Some(key) => Bound::Excluded((name, key.clone(), None)),
            None => Bound::Included((name, Key::from(""), None)),
        };
        let mut found = self
            .rows
            .range((from, Bound::Unbounded))
            .take_while(|((table, ..), _)| *table == name)
            .filter(|((_, key, sub), row)| sub.is_none() && query.matches(key, row))
            .map(|((_, key, _), row)| (key.clone(), row.clone()));
        let rows = found.by_ref().take(query.page_rows()).collect();
        let more = found.next().is_some();
        Page { rows, more }
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

    fn unique(&self, table: &str, column: u32, value: &[u8]) -> Result<Option<Place>, StoreError> {
        Ok(self.unique.get(&(table.to_owned(), column, value.to_vec())).cloned())
    }

    fn set_unique(
        &mut self,
        table: &str,
        column: u32,
        value: &[u8],
        place: Option<&Place>,
    ) -> Result<(), StoreError> {
        let at = (table.to_owned(), column, value.to_vec());
        match place {
            Some(place) => self.unique.insert(at, place.clone()),
            None => self.unique.remove(&at),
        };
        Ok(())
    }
}
