//! Reads: rows by key, pages of a query, tombstones.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use guildhall_core::store::schema::SeenColumn;
use guildhall_core::store::{
    Compare, Order, PAGE_ROWS_MAX, Page, Query, Row, RowId, StoreError, StoreErrorKind, Table,
    Tombstone, Value,
};
use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};

use crate::document::{
    At, GONE, ROW, Stored, at, comparable, comparable_of, id_of, read, read_stored,
};
use crate::fault::Fault;
use crate::seen::Seen;
use crate::stale;
use crate::values::ordered;

/// Rows that are asked for together.
const TOGETHER: usize = 1000;

/// What is stored of these rows.
pub(crate) async fn read_rows(
    database: &Database,
    seen: &Seen,
    ids: &[&RowId],
) -> Result<BTreeMap<At, Stored>, Fault> {
    let mut tables = BTreeMap::<&'static str, Vec<String>>::new();
    for id in ids {
        tables.entry(id.table.name).or_default().push(id_of(id));
    }
    let mut found = BTreeMap::new();
    for (table, ids) in tables {
        let schema = seen.columns(table).schema;
        for some in ids.chunks(TOGETHER) {
            let filter = match some {
                [one] => doc! { "_id": one },
                some => doc! { "_id": { "$in": some } },
            };
            for document in find(database, table, filter, Document::new(), some.len()).await? {
                let ((key, sub), stored) =
                    read_stored(&schema, &document).map_err(|why| Fault::damaged(table, why))?;
                found.insert((table, key, sub), stored);
            }
        }
    }
    Ok(found)
}

pub(crate) async fn rows(
    database: &Database,
    seen: &Seen,
    ids: &[RowId],
) -> Result<Vec<Option<Row>>, Fault> {
    let found = read_rows(database, seen, &ids.iter().collect::<Vec<_>>()).await?;
    let row = |id| match found.get(&at(id)) {
        Some(Stored::Row(kept)) => Some(kept.row.clone()),
        Some(Stored::Place(_)) | None => None,
    };
    Ok(ids.iter().map(row).collect())
}

pub(crate) async fn find(
    database: &Database,
    table: &str,
    filter: Document,
    sort: Document,
    limit: usize,
) -> Result<Vec<Document>, Fault> {
    let rows = database.collection::<Document>(table);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = rows.find(filter).sort(sort).limit(limit).await;
    let found = found.map_err(|error| Fault::of_read(&error))?;
    found.try_collect().await.map_err(|error| Fault::of_read(&error))
}

pub(crate) async fn query(
    database: &Database,
    seen: Arc<Seen>,
    query: &Query,
) -> Result<Page, Fault> {
    let span = query.span()?;
    let table = query.table.name;
    let columns = seen.columns(table);
    let schema = &columns.schema;
    if span.is_empty() {
        return Ok(Page { rows: Vec::new(), next: None });
    }
    if span.column.is_some() || !query.conditions.is_empty() {
        stale::fill(database, query.table, &columns).await?;
    }
    let column = |number: u32| -> Result<&SeenColumn, StoreError> {
        schema.columns.get(&number).ok_or_else(|| {
            let message = format!("column {number} is not prepared; prepare the table first");
            StoreError::new(StoreErrorKind::Invalid, "query", table, message)
        })
    };
    let mut all = vec![doc! { "guildhall_state": ROW }];
    for condition in &query.conditions {
        let compare = match condition.compare {
            Compare::Equal => "$eq",
            Compare::Less => "$lt",
            Compare::Greater => "$gt",
        };
        let value = comparable_of(column(condition.column)?.kind, Some(&condition.value));
        all.push(doc! { comparable(condition.column): { compare: value } });
    }
    let by = match query.order {
        Order::Key => None,
        Order::Up(number) | Order::Down(number) => Some((number, column(number)?.kind)),
    };
    let (beyond, way) = if span.down { ("$lt", -1) } else { ("$gt", 1) };
    if let Some(after) = &query.after {
        let key = doc! { "guildhall_key": { beyond: after.key.as_str() } };
        all.push(match (by, &after.value) {
            (Some((number, kind)), Some(value)) => {
                let (name, value) = (comparable(number), comparable_of(kind, Some(value)));
                let equal = doc! { "$and": [{ &name: value.clone() }, key] };
                doc! { "$or": [{ name: { beyond: value } }, equal] }
            }
            _ => key,
        });
    }
    let mut sort = Document::new();
    if let Some((number, _)) = by {
        sort.insert(comparable(number), way);
    }
    sort.insert("guildhall_key", way);
    let limit = query.limit.min(PAGE_ROWS_MAX) + 1;
    let found = find(database, table, doc! { "$and": all }, sort, limit).await?;
    let rows = found.iter().map(|document| {
        let ((key, _), kept) = read(schema, document).map_err(|why| Fault::damaged(table, why))?;
        Ok((key, kept.row))
    });
    query.page(rows)
}

pub(crate) async fn tombstones(
    database: &Database,
    table: &'static Table,
    after: Option<&Tombstone>,
    limit: usize,
) -> Result<Vec<Tombstone>, Fault> {
    let now = Bson::Int64(ordered(now_ms(database).await?));
    let mut all =
        vec![doc! { "guildhall_state": GONE }, doc! { "guildhall_over": { "$lte": now } }];
    if let Some(Tombstone { row, over_ms, .. }) = after {
        let over = ordered(*over_ms);
        let equal = doc! { "$and": [{ "guildhall_over": over }, { "_id": { "$gt": id_of(row) } }] };
        all.push(doc! { "$or": [{ "guildhall_over": { "$gt": over } }, equal] });
    }
    let sort = doc! { "guildhall_over": 1, "_id": 1 };
    let limit = limit.min(PAGE_ROWS_MAX);
    let found = find(database, table.name, doc! { "$and": all }, sort, limit).await?;
    let tombstones = found.iter().map(|document| {
        // No fields are needed of a row that is gone.
        let ((key, sub), kept) = read(&guildhall_core::store::schema::Schema::default(), document)
            .map_err(|why| Fault::damaged(table.name, why))?;
        let (token, version) = (kept.row.token, kept.row.version);
        let row = RowId { table, key, sub };
        Ok(Tombstone { row, token, version, over_ms: kept.over_ms })
    });
    tombstones.collect()
}

/// Whether a value can be kept: NaN is ordered by no two servers alike.
pub(crate) fn refuse_nan(fields: &[(u32, Value)], id: &RowId) -> Result<(), StoreError> {
    let nan = |(_, value): &(u32, Value)| matches!(value, Value::Float(n) if n.is_nan());
    if !fields.iter().any(nan) {
        return Ok(());
    }
    let message = "NaN cannot be kept in this store";
    Err(StoreError::new(StoreErrorKind::Invalid, "commit", id, message))
}

/// The clock of the server.
pub(crate) async fn now_ms(database: &Database) -> Result<u64, Fault> {
    let hello = database.run_command(doc! { "hello": 1 }).await;
    let hello = hello.map_err(|error| Fault::of_read(&error))?;
    let now = hello.get_datetime("localTime").map(|now: &DateTime| now.timestamp_millis());
    let now = now.map_err(|error| Fault::damaged("the clock", error))?;
    Ok(u64::try_from(now).unwrap_or(0))
}
