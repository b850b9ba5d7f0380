//! Whole rows of the file, for tools.

use std::collections::BTreeMap;
use std::ops::Bound;

use guildhall_core::store::bulk::{BULK_ROWS_MAX, Bulk, Placed, Put, Remains};
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{LeaseId, RowId, StoreError, Table};
use guildhall_core::{BoxFuture, Key};
use redb::{ReadTransaction, ReadableTable as _};

use crate::row;
use crate::store::{ReadError, RedbStore};
use crate::tables::{FLOORS, REMOVED, ROWS, RowKey, SCHEMAS, TOMBSTONES, behind};
use crate::writer::{Job, damaged, read_row};

impl Bulk for RedbStore {
    fn schemas(&self) -> BoxFuture<'_, Result<BTreeMap<String, Schema>, StoreError>> {
        Box::pin(self.look("schemas", |transaction| {
            let mut schemas = BTreeMap::new();
            for entry in transaction.open_table(SCHEMAS)?.iter()? {
                let (name, bytes) = entry?;
                let schema = row::decode_schema(bytes.value())
                    .map_err(|why| ReadError::Row(damaged("read", name.value(), &why)))?;
                schemas.insert(name.value().to_owned(), schema);
            }
            Ok(schemas)
        }))
    }

    fn scan<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Placed>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Placed>, StoreError>> {
        let (after, limit) = (after.cloned(), limit.min(BULK_ROWS_MAX));
        Box::pin(self.look("scan", move |transaction| {
            let mut page = Vec::new();
            let is_tombstone = after.as_ref().is_some_and(|after| !after.kept.row.exists);
            if !is_tombstone {
                walk(transaction, ROWS, table, after.as_ref(), limit, &mut page)?;
            }
            let after = after.filter(|_| is_tombstone);
            walk(transaction, TOMBSTONES, table, after.as_ref(), limit, &mut page)?;
            Ok(page)
        }))
    }

    fn put<'a>(
        &'a self,
        table: &'static Table,
        puts: &'a [Put],
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(
            async move { self.ask("put", |answer| Job::Put(table, puts.to_vec(), answer)).await? },
        )
    }

    fn remains(&self) -> BoxFuture<'_, Result<Remains, StoreError>> {
        Box::pin(self.look("remains", |transaction| {
            let mut remains = Remains::default();
            for entry in transaction.open_table(FLOORS)?.iter()? {
                let (lease, bytes) = entry?;
                let floor = row::decode_floor(bytes.value()).map_err(|why| {
                    let subject = format!("the floor of {}", lease.value());
                    ReadError::Row(damaged("read", subject, &why))
                })?;
                remains.floors.insert(LeaseId::from(lease.value()), floor);
            }
            for entry in transaction.open_table(REMOVED)?.iter()? {
                let (table, version) = entry?;
                remains.removed.insert(table.value().to_owned(), version.value());
            }
            Ok(remains)
        }))
    }

    fn raise<'a>(&'a self, remains: &'a Remains) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(
            async move { self.ask("raise", |answer| Job::Raise(remains.clone(), answer)).await? },
        )
    }
}

/// Adds rows of one table of the file, until the page has `limit`.
fn walk(
    transaction: &ReadTransaction,
    of: redb::TableDefinition<'static, RowKey, &[u8]>,
    table: &'static Table,
    after: Option<&Placed>,
    limit: usize,
    page: &mut Vec<Placed>,
) -> Result<(), ReadError> {
    let behind = behind(table.name);
    let from = match after {
        Some(Placed { place: (key, sub), .. }) => {
            Bound::Excluded((table.name, key.as_str(), sub.as_ref().map(Key::as_str)))
        }
        None => Bound::Included((table.name, "", None)),
    };
    let to = Bound::Excluded((behind.as_str(), "", None));
    let left = limit - page.len();
    let rows = transaction.open_table(of)?;
    for entry in rows.range::<(&str, &str, Option<&str>)>((from, to))?.take(left) {
        let (at, bytes) = entry?;
        let (_, key, sub) = at.value();
        let place = (Key::from(key), sub.map(Key::from));
        let id = RowId { table, key: place.0.clone(), sub: place.1.clone() };
        let kept = read_row(&id, bytes.value()).map_err(ReadError::Row)?;
        page.push(Placed { place, kept });
    }
    Ok(())
}
