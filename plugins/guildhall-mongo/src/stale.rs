//! Comparable values of rows that were written before a column had its index, by an older release too.
//!
//! A writer knows the columns as of some time ago, and says in each document as of when (`guildhall_columns`). Queries by an index look for
//! documents of older columns first: so it does not matter who wrote them, or whether `prepare` ended in its middle.

use futures_util::TryStreamExt as _;
use guildhall_core::store::{RowId, Table};
use mongodb::Database;
use mongodb::bson::{Document, doc};

use crate::document::{ROW, change, id_of, read};
use crate::fault::Fault;
use crate::seen::Columns;

/// Documents that are read together.
const TOGETHER: i64 = 1000;

/// Gives all rows of older columns the values that queries compare.
pub(crate) async fn fill(
    database: &Database,
    table: &'static Table,
    columns: &Columns,
) -> Result<(), Fault> {
    let rows = database.collection::<Document>(table.name);
    loop {
        let stale = doc! { "guildhall_state": ROW, "guildhall_columns": { "$lt": columns.stamp } };
        let found = rows.find(stale).limit(TOGETHER).await;
        let found = found.map_err(|error| Fault::of_read(&error))?;
        let found: Vec<Document> =
            found.try_collect().await.map_err(|error| Fault::of_read(&error))?;
        if found.is_empty() {
            return Ok(());
        }
        for document in &found {
            let ((key, sub), kept) =
                read(&columns.schema, document).map_err(|why| Fault::damaged(table.name, why))?;
            let id = RowId { table, key, sub };
            let as_read =
                doc! { "_id": id_of(&id), "guildhall_version": kept.row.version.cast_signed() };
            let change = change(columns, &id, Some(&kept.row), &kept);
            // One that was written meanwhile is looked at again, if it is still of older columns.
            let filled = rows.update_one(as_read, change).await;
            filled.map_err(|error| Fault::of_write(&error))?;
        }
    }
}
