//! Indexes for queries and unique columns: for each row the values of its indexed columns.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{StoreError, StoreErrorKind};
use super::ordered::{default_of, ordered};
use super::row::{Row, RowId};
use super::rows::{Entry, Place, Rows};
use super::schema::{Change, Schema};
use crate::Key;

/// The entries of a row; tombstones have none.
fn entries(schema: &Schema, id: &RowId, row: &Row) -> BTreeSet<Entry> {
    let indexed = schema.columns.iter().filter(|(_, column)| row.exists && column.index);
    indexed
        .map(|(number, column)| {
            let at = row.fields.binary_search_by_key(number, |(n, _)| *n);
            let value = at.map_or_else(
                |_| ordered(&default_of(column.kind)),
                |at| ordered(&row.fields[at].1),
            );
            (*number, value, (id.key.clone(), id.sub.clone()))
        })
        .collect()
}

/// What a write does to one row.
pub(super) type RowChange<'a> = (&'a RowId, Option<Row>, Row);

/// Moves the entries of rows that change together.
///
/// # Errors
/// `Exists` when a unique value is taken; then nothing was moved.
pub(super) fn follow(rows: &mut impl Rows, changes: &[RowChange<'_>]) -> Result<(), StoreError> {
    let mut gone = BTreeSet::new();
    let mut new = BTreeSet::new();
    for (id, before, after) in changes {
        let (table, schema) = (id.table.name, rows.schema(id.table.name)?);
        let before = before.as_ref().map(|row| entries(&schema, id, row)).unwrap_or_default();
        let after = entries(&schema, id, after);
        gone.extend(before.difference(&after).cloned().map(|entry| (table, entry)));
        new.extend(after.difference(&before).cloned().map(|entry| (table, entry)));
    }
    let mut last: Option<&(&str, Entry)> = None;
    for this in &new {
        let (table, (column, value, place)) = this;
        let schema = rows.schema(table)?;
        if schema.is_unique(*column, value) {
            // Rows may swap values in one batch, but two of them may not take the same.
            let here = last.filter(|(t, (c, v, _))| (t, c, v) == (table, column, value));
            let other = match here {
                Some((_, (_, _, other))) => Some(other.clone()),
                None => rows.holder(table, *column, value)?.filter(|other| {
                    other != place
                        && !gone.contains(&(*table, (*column, value.clone(), other.clone())))
                }),
            };
            if let Some(other) = other {
                return Err(taken(table, &schema, *column, place, &other));
            }
        }
        last = Some(this);
    }
    for (table, entry) in &gone {
        rows.set_entry(table, entry, false)?;
    }
    for (table, entry) in &new {
        rows.set_entry(table, entry, true)?;
    }
    Ok(())
}

/// The entries of all rows of a table whose columns are indexed anew.
///
/// # Errors
/// `Exists` when two of them have one value in a unique column. The errors of `rows`.
pub fn rebuild(
    change: &Change,
    rows: impl Iterator<Item = Result<(RowId, Row), StoreError>>,
) -> Result<Vec<Entry>, StoreError> {
    let mut all = Vec::new();
    let mut unique = BTreeMap::new();
    for row in rows {
        let (id, row) = row?;
        for (column, value, place) in entries(&change.schema, &id, &row) {
            if change.schema.is_unique(column, &value)
                && let Some(other) = unique.insert((column, value.clone()), place.clone())
            {
                return Err(taken(change.table.name, &change.schema, column, &place, &other));
            }
            all.push((column, value, place));
        }
    }
    Ok(all)
}

/// The `Exists` of two rows with one value in a unique column.
fn taken(table: &str, schema: &Schema, column: u32, place: &Place, other: &Place) -> StoreError {
    let name = schema.columns.get(&column).map_or("?", |column| &column.name);
    column_taken(table, name, &place.0, &other.0)
}

/// The `Exists` of the row `key`, whose value in the unique column `name` the row `other` has, for stores that find it out themselves.
pub fn column_taken(table: &str, name: &str, key: &Key, other: &Key) -> StoreError {
    let message = format!("another row ({other}) has the same value in the unique column `{name}`");
    StoreError::new(StoreErrorKind::Exists, "commit", format!("{table}/{key}"), message)
}
