//! Claims and batches over rows that this process alone keeps: all or nothing, and unique columns.

use std::collections::BTreeMap;

use super::fence::{self, Written};
use super::query::Query;
use super::row::{Batch, Committed, Op, Row, RowId, Token, Write};
use super::table::{Kind, Table, Value};
use super::{StoreError, StoreErrorKind};
use crate::Key;

/// Which row of its table has a unique value: its key and its sub key.
pub type Place = (Key, Option<Key>);

/// The most rows one page of a query holds.
pub const PAGE_ROWS_MAX: usize = 1000;

/// Rows by table, key and sub key, and the places of unique values. An error of these methods is one of the storage: whatever
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

    /// Who has `value` in a unique column.
    ///
    /// # Errors
    /// The storage failed.
    fn unique(&self, table: &str, column: u32, value: &[u8]) -> Result<Option<Place>, StoreError>;

    /// Keeps who has `value`, or that nobody has it.
    ///
    /// # Errors
    /// The storage failed.
    fn set_unique(
        &mut self,
        table: &str,
        column: u32,
        value: &[u8],
        place: Option<&Place>,
    ) -> Result<(), StoreError>;
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
    move_unique_values(rows, &changes)?;
    for (id, _, after) in changes {
        rows.put(id, after)?;
    }
    Ok(Committed { versions })
}

/// What a write does to one row.
type RowChange<'a> = (&'a RowId, Option<Row>, Row);

fn move_unique_values(rows: &mut impl Rows, changes: &[RowChange<'_>]) -> Result<(), StoreError> {
    // First what the batch leaves, then what it takes, so that rows can swap values in one batch.
    let mut new: BTreeMap<(&str, u32, Vec<u8>), Option<Place>> = BTreeMap::new();
    for (id, before, _) in changes {
        for (column, value) in before.iter().flat_map(|row| unique_values(id.table, row)) {
            new.insert((id.table.name, column, value), None);
        }
    }
    for (id, _, after) in changes {
        for (column, value) in unique_values(id.table, after) {
            let at = (id.table.name, column, value);
            let taken = match new.get(&at) {
                Some(place) => place.clone(),
                None => rows.unique(at.0, at.1, &at.2)?,
            };
            let place = (id.key.clone(), id.sub.clone());
            if let Some(other) = taken.filter(|other| *other != place) {
                return Err(taken_value(id.table, column, id, &other));
            }
            new.insert(at, Some(place));
        }
    }
    for ((table, column, value), place) in new {
        rows.set_unique(table, column, &value, place.as_ref())?;
    }
    Ok(())
}

/// The `Exists` of two rows with one value in a unique column.
pub fn taken_value(table: &Table, column: u32, id: &RowId, other: &Place) -> StoreError {
    let name = table.column(column).map_or("?", |c| c.name);
    let message =
        format!("another row ({}) has the same value in the unique column `{name}`", other.0);
    StoreError::new(StoreErrorKind::Exists, "commit", id, message)
}

/// The values of the unique columns of a row; tombstones have none.
pub fn unique_values(table: &Table, row: &Row) -> Vec<(u32, Vec<u8>)> {
    let columns = std::iter::once(&table.key).chain(table.columns).filter(|c| c.unique);
    columns
        .filter(|_| row.exists)
        .filter_map(|column| {
            let at = row.fields.binary_search_by_key(&column.number, |(n, _)| *n).ok()?;
            Some((column.number, unique_bytes(&row.fields[at].1)?))
        })
        .collect()
}

/// A value as unique columns are compared by; `None` for a default, which is no value: any number of rows may have it.
pub fn unique_bytes(value: &Value) -> Option<Vec<u8>> {
    let some = |bytes: &[u8]| Some(bytes.to_vec());
    match value {
        Value::Bool(false) | Value::Int(0) | Value::Uint(0) => None,
        Value::Bool(true) => some(&[1]),
        Value::Int(n) => some(&n.to_be_bytes()),
        Value::Uint(n) => some(&n.to_be_bytes()),
        Value::Float(n) if *n == 0.0 => None,
        Value::Float(n) => some(&n.to_bits().to_be_bytes()),
        Value::Text(text) => (!text.is_empty()).then(|| text.as_bytes().to_vec()),
        Value::Bytes(bytes) => (!bytes.is_empty()).then(|| bytes.to_vec()),
    }
}

fn default_of(kind: Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(false),
        Kind::Int => Value::Int(0),
        Kind::Uint => Value::Uint(0),
        Kind::Float => Value::Float(0.0),
        Kind::Text => Value::Text(String::new()),
        Kind::Bytes | Kind::Proto => Value::Bytes(bytes::Bytes::new()),
    }
}

impl Query {
    /// Checks that the conditions fit the table.
    ///
    /// # Errors
    /// `Invalid`, naming the column.
    pub fn check(&self) -> Result<(), StoreError> {
        for condition in &self.conditions {
            let number = condition.column;
            match self.table.column(number) {
                None => {
                    let message = format!("the table has no column {number}");
                    return Err(invalid("query", self.table.name, message));
                }
                Some(column) if !condition.value.fits(column.kind) => {
                    let message =
                        format!("`{}` cannot be compared with {:?}", column.name, condition.value);
                    return Err(invalid("query", self.table.name, message));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Whether a row is an answer: it exists, and meets all conditions. Absent fields have their default.
    pub fn matches(&self, key: &Key, row: &Row) -> bool {
        use super::query::Compare;
        use std::cmp::Ordering::{Equal, Greater, Less};
        row.exists
            && self.conditions.iter().all(|condition| {
                let Some(value) = self.value(key, row, condition.column) else {
                    return false;
                };
                let order = value.partial_cmp(&condition.value);
                match condition.compare {
                    Compare::Equal => order == Some(Equal),
                    Compare::Less => order == Some(Less),
                    Compare::Greater => order == Some(Greater),
                }
            })
    }

    /// How many rows its page may hold.
    pub fn page_rows(&self) -> usize {
        self.limit.min(PAGE_ROWS_MAX)
    }

    fn value(&self, key: &Key, row: &Row, number: u32) -> Option<Value> {
        if let Ok(at) = row.fields.binary_search_by_key(&number, |(n, _)| *n) {
            return Some(row.fields[at].1.clone());
        }
        let column = self.table.column(number)?;
        match column.kind {
            kind if number != self.table.key.number => Some(default_of(kind)),
            Kind::Int => key.as_str().parse().ok().map(Value::Int),
            Kind::Uint => key.as_str().parse().ok().map(Value::Uint),
            _ => Some(Value::Text(key.as_str().to_owned())),
        }
    }
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
