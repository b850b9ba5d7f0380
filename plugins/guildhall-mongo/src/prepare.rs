//! `prepare`: what tables need is added, and nothing is ever taken away.

use std::sync::Arc;

use guildhall_core::store::schema::{self, Change};
use guildhall_core::store::{Migrate, StoreError, StoreErrorKind, Table};
use mongodb::bson::{Document, doc};
use mongodb::{Database, IndexModel};

use crate::document::comparable;
use crate::fault::Fault;
use crate::seen::{META, SHARED, Seen};
use crate::stale;

/// Adds what `tables` need: indexes, then the columns, then the comparable values of rows that were there.
///
/// Where it ends after the columns, queries do the rest.
pub(crate) async fn prepare(
    database: &Database,
    tables: &[&'static Table],
    migrate: Migrate,
) -> Result<Arc<Seen>, Fault> {
    tables.iter().try_for_each(|table| check_names(table))?;
    let seen = Seen::load(database).await?;
    let changes =
        schema::plan(tables, migrate, |table| Ok((*seen.columns(table.name).schema).clone()))?;
    if changes.is_empty() {
        return Ok(seen);
    }
    for change in &changes {
        make_indexes(database, change).await?;
    }
    let after = seen.after(&changes);
    let meta = database.collection::<Document>(META);
    if seen.is_empty() {
        let inserted = meta.insert_one(after.document()).await;
        inserted.map_err(|error| Fault::of_write(&error))?;
    } else {
        let as_read = doc! { "_id": "columns", "stamp": seen.stamp };
        let replaced = meta.replace_one(as_read, after.document()).await;
        if replaced.map_err(|error| Fault::of_write(&error))?.matched_count != 1 {
            return Err(Fault::Conflict);
        }
    }
    for change in changes.iter().filter(|change| change.index) {
        stale::fill(database, change.table, &after.columns(change.table.name)).await?;
    }
    Ok(Arc::new(after))
}

async fn make_indexes(database: &Database, to: &Change) -> Result<(), Fault> {
    let indexed = to.schema.columns.iter().filter(|(_, column)| column.index);
    let by = indexed.map(|(number, _)| {
        doc! { "guildhall_state": 1, comparable(*number): 1, "guildhall_key": 1 }
    });
    let fixed = [
        doc! { "guildhall_state": 1, "guildhall_key": 1 },
        doc! { "guildhall_state": 1, "guildhall_columns": 1 },
        doc! { "guildhall_state": 1, "guildhall_over": 1, "_id": 1 },
    ];
    let rows = database.collection::<Document>(to.table.name);
    for keys in fixed.into_iter().chain(by) {
        // One by one: FerretDB 1.24 ends the connection over a list with two that are there.
        let made = rows.create_index(IndexModel::builder().keys(keys).build()).await;
        made.map_err(|error| Fault::of_write(&error))?;
    }
    Ok(())
}

/// Names that mean something else here.
fn check_names(table: &Table) -> Result<(), Fault> {
    let columns = std::iter::once(&table.key).chain(table.columns);
    let wrong = |name: &&str| {
        let own = name.starts_with("guildhall_") && **name != *guildhall_core::store::WAKE.name;
        name.is_empty() || own || name.starts_with(['$', '_']) || name.contains(['.', '\0'])
    };
    let mut columns = columns.map(|it| it.name).filter(wrong);
    let own = Some(table.name).filter(|name| {
        SHARED.contains(name) || name.contains(['$', '\0']) || name.is_empty() || name.len() > 100
    });
    let Some(name) = own.or_else(|| columns.next()) else { return Ok(()) };
    let message = format!("`{name:.100}` cannot be a name in this store; give it another");
    Err(StoreError::new(StoreErrorKind::Invalid, "prepare", table.name, message).into())
}
