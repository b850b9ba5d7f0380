//! Claims and batches over rows that this process alone keeps: all or nothing, with their indexes.

use std::sync::Arc;

use super::fence::{self, Written};
use super::index::{self, Entry, Place};
use super::row::{Batch, Committed, Op, Row, RowId, Token, Write};
use super::schema::Schema;
use super::{StoreError, StoreErrorKind};

/// Rows by table, key and sub key, and their entries in indexes. An error of these methods is one of the storage: whatever
/// was put before it must not be kept.
pub trait Rows {
    /// The row as it stands.
    ///
    /// # Errors
    /// The storage failed.
    fn get(&self, id: &RowId) -> Result<Option<Row>, StoreError>;

    /// Keeps `row`.
    ///
    /// # Errors
    /// The storage failed.
    fn put(&mut self, id: &RowId, row: Row) -> Result<(), StoreError>;

    /// What was prepared of a table.
    ///
    /// # Errors
    /// The storage failed.
    fn schema(&self, table: &str) -> Result<Arc<Schema>, StoreError>;

    /// The first row that has `value` in an indexed column.
    ///
    /// # Errors
    /// The storage failed.
    fn holder(&self, table: &str, column: u32, value: &[u8]) -> Result<Option<Place>, StoreError>;

    /// Keeps an entry of an index, or forgets it.
    ///
    /// # Errors
    /// The storage failed.
    fn set_entry(&mut self, table: &str, entry: &Entry, there: bool) -> Result<(), StoreError>;
}

/// Claims all of `ids` or none.
///
/// # Errors
/// Those of [`fence::claim`], and `Invalid` when a row is named twice.
pub fn claim(rows: &mut impl Rows, ids: &[RowId], by: &Token) -> Result<Vec<Row>, StoreError> {
    refuse_twice("claim", ids.iter())?;
    let claimed: Vec<Row> =
        ids.iter().map(|id| fence::claim(rows.get(id)?, id, by)).collect::<Result<_, _>>()?;
    for (id, row) in ids.iter().zip(&claimed) {
        rows.put(id, row.clone())?;
    }
    Ok(claimed)
}

/// Writes all of a batch or nothing.
///
/// # Errors
/// Those of [`fence::write`]; `Exists` for a taken unique value; `Invalid` for a batch that is empty, names a row twice or
/// holds a value that does not fit its column.
pub fn commit(rows: &mut impl Rows, batch: &Batch) -> Result<Committed, StoreError> {
    if batch.ops.is_empty() {
        return Err(invalid("commit", "batch", "it has no writes"));
    }
    refuse_twice("commit", batch.ops.iter().map(|op| &op.row))?;
    let mut versions = Vec::with_capacity(batch.ops.len());
    let mut changes = Vec::with_capacity(batch.ops.len());
    for op in &batch.ops {
        check_values(op)?;
        let before = rows.get(&op.row)?;
        match fence::write(before.clone(), op)? {
            Written::Changed(after) => {
                versions.push(after.version);
                changes.push((&op.row, before, after));
            }
            Written::Repeated(version) => versions.push(version),
        }
    }
    // A batch is there as a whole or not at all: one half of it alone is some other write of the same owner.
    if !changes.is_empty() && changes.len() < batch.ops.len() {
        let row_epoch = changes.iter().find_map(|(_, _, row)| Some(row.token.as_ref()?.epoch));
        let kind = StoreErrorKind::Refused { row_epoch: row_epoch.unwrap_or(0) };
        let message =
            "some of its rows have the next version and others do not; end this activation";
        return Err(StoreError::new(kind, "commit", "batch", message));
    }
    index::follow(rows, &changes)?;
    for (id, _, after) in changes {
        rows.put(id, after)?;
    }
    Ok(Committed { versions })
}

fn check_values(op: &Op) -> Result<(), StoreError> {
    let (Write::Create(fields) | Write::Update(fields)) = &op.write else {
        return Ok(());
    };
    for (number, value) in fields {
        let message = match op.row.table.column(*number) {
            Some(column) if value.fits(column.kind) => continue,
            Some(column) => {
                format!("a {:?} column `{}` cannot hold {value:?}", column.kind, column.name)
            }
            None => format!("the table has no column {number}"),
        };
        return Err(invalid("commit", &op.row, message));
    }
    Ok(())
}

fn refuse_twice<'a>(
    operation: &'static str,
    ids: impl Iterator<Item = &'a RowId>,
) -> Result<(), StoreError> {
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        if !seen.insert((id.table.name, &id.key, &id.sub)) {
            return Err(invalid(operation, id, "the row is named twice; join the writes"));
        }
    }
    Ok(())
}

fn invalid(
    operation: &'static str,
    subject: impl ToString,
    message: impl Into<String>,
) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, operation, subject, message)
}
