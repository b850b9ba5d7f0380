//! [`Bulk`]: whole rows of a store as they are kept, for moving to another store and for renaming.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3;

use super::error::{StoreError, StoreErrorKind};
use super::index;
use super::row::{Floor, LeaseId, RowId};
use super::rows::{Kept, Place, Rows};
use super::schema::Schema;
use super::table::{Column, Table, Value};
use crate::BoxFuture;

/// Rows of one page at most.
pub const BULK_ROWS_MAX: usize = 64;

/// The rows of a store as they are kept: with tombstones, tokens, versions, completion records and due times.
///
/// For tools alone, while no app uses the store: it passes by every fence.
///
/// # Contract
/// Each rule has its test, of the same name, in `guildhall_testkit::store`; every implementation runs them.
///
/// 1. `a_scan_has_each_row_once_page_by_page`: tombstones too, in an order that is the store's own.
/// 2. `rows_are_put_as_they_are`: a put row has the token, version, fields, records and times of the row that was scanned, and its
///    entries in all indexes. `an_old_owner_is_refused_after_a_copy`.
/// 3. `a_row_that_is_there_already_is_put_once`: the same put again changes nothing.
///    `a_row_that_is_another_is_not_replaced`: a put of a row that is neither as the put expects nor as the put makes it fails with
///    `Exists`, which names the row, and nothing of the page is put. An error that is not about a row may leave part of the page put,
///    each row whole; the same put again puts the others.
/// 4. `what_removed_rows_left_is_copied`: floors and versions of removed rows; they are raised and never lowered.
pub trait Bulk: Send + Sync {
    /// Returns the columns of all tables that were prepared, by table.
    fn schemas(&self) -> BoxFuture<'_, Result<BTreeMap<String, Schema>, StoreError>>;

    /// Returns rows of one table, those after `after`, the last one of the previous page: at most `limit`, and never more than
    /// [`BULK_ROWS_MAX`]. A shorter page is the last one.
    fn scan<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Placed>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Placed>, StoreError>>;

    /// Puts rows of one table; returns how many have changed. Give at most [`BULK_ROWS_MAX`].
    fn put<'a>(
        &'a self,
        table: &'static Table,
        puts: &'a [Put],
    ) -> BoxFuture<'a, Result<usize, StoreError>>;

    /// Returns what removed rows have left.
    fn remains(&self) -> BoxFuture<'_, Result<Remains, StoreError>>;

    /// Raises floors, and versions of removed rows, to these.
    fn raise<'a>(&'a self, remains: &'a Remains) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// A row and its place in its table.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Key and sub key.
    pub place: Place,
    /// The row as it is kept.
    pub kept: Kept,
}

/// A row to write, and what must be there before.
#[derive(Clone, Debug)]
pub struct Put {
    /// Key and sub key.
    pub place: Place,
    /// The row that it replaces; `None`: there is none.
    pub over: Option<Kept>,
    /// The row.
    pub kept: Kept,
}

/// What removed rows have left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// By lease.
    pub floors: BTreeMap<LeaseId, Floor>,
    /// By table, the version above which rows are made again.
    pub removed: BTreeMap<String, u64>,
}

impl Put {
    /// Whether to write it where `now` is: `false` where it is there already.
    ///
    /// # Errors
    /// `Exists`: another row is there, or the row that was to be replaced is not there.
    pub fn is_new(&self, table: &Table, now: Option<&Kept>) -> Result<bool, StoreError> {
        let hash = |kept: &Kept| row_hash(&self.place, kept);
        let now = now.map(hash);
        if now == Some(hash(&self.kept)) {
            return Ok(false);
        }
        if now == self.over.as_ref().map(hash) {
            return Ok(true);
        }
        let message = match now {
            Some(_) => {
                "another row is there, which is not replaced; empty this store, or choose another one"
            }
            None => {
                "the row that was to be replaced is not there; stop the apps that use this store"
            }
        };
        let subject = show(table.name, &self.place);
        Err(StoreError::new(StoreErrorKind::Exists, "put", subject, message))
    }

    /// The row's name.
    pub fn id(&self, table: &'static Table) -> RowId {
        let (key, sub) = self.place.clone();
        RowId { table, key, sub }
    }
}

/// The table of a schema that a store has recorded.
///
/// It lives until the program ends: for tools, which ask for each table of a store once.
pub fn table_of(name: &str, schema: &Schema) -> &'static Table {
    let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let mut columns = schema.columns.iter().map(|(number, seen)| Column {
        number: *number,
        name: leak(&seen.name),
        kind: seen.kind,
        unique: seen.unique,
        index: seen.index,
    });
    // Which one is the key is not recorded; to a store it is a column like others.
    let none =
        Column { number: 1, name: "key", kind: super::Kind::Text, unique: false, index: false };
    let key = columns.next().unwrap_or(none);
    let columns: Vec<Column> = columns.collect();
    Box::leak(Box::new(Table {
        name: leak(name),
        key,
        columns: Box::leak(columns.into_boxed_slice()),
    }))
}

/// Puts rows, all or none, for stores that decide in their own process; returns how many have changed.
///
/// # Errors
/// Those of [`Put::is_new`]; `Exists` for a taken unique value; `Invalid` for a value whose column was not prepared.
pub fn put(rows: &mut impl Rows, table: &'static Table, puts: &[Put]) -> Result<usize, StoreError> {
    let schema = rows.schema(table.name)?;
    let mut new = Vec::new();
    for put in puts {
        check_columns(table, &schema, put)?;
        let (id, before) = (put.id(table), rows.get(&put.id(table))?);
        if put.is_new(table, before.as_ref())? {
            new.push((id, before.map(|before| before.row), put.kept.clone()));
        }
    }
    let changes: Vec<_> =
        new.iter().map(|(id, before, kept)| (id, before.clone(), kept.row.clone())).collect();
    index::follow(rows, &changes)?;
    let count = new.len();
    for (id, before, kept) in new {
        rows.put(&id, before.map(|before| before.exists), kept)?;
    }
    Ok(count)
}

/// Raises floors, and versions of removed rows, for stores that decide in their own process.
///
/// # Errors
/// Those of the storage.
pub fn raise(rows: &mut impl Rows, remains: &Remains) -> Result<(), StoreError> {
    for (lease, floor) in &remains.floors {
        let raised = Floor::raised(rows.floor(lease)?, floor.clone());
        rows.set_floor(lease, raised)?;
    }
    for (table, version) in &remains.removed {
        let version = (*version).max(rows.removed_version(table)?);
        // Tools ask for it once per table.
        rows.set_removed_version(String::leak(table.clone()), version)?;
    }
    Ok(())
}

/// Checks that a store has the columns of a row.
///
/// # Errors
/// `Invalid`, naming the column.
pub fn check_columns(table: &Table, schema: &Schema, put: &Put) -> Result<(), StoreError> {
    for (number, value) in &put.kept.row.fields {
        let column = schema.columns.get(number);
        if !column.is_some_and(|column| value.fits(column.kind)) {
            let message = format!("its column {number} is not prepared here, or has another kind");
            let subject = show(table.name, &put.place);
            return Err(StoreError::new(StoreErrorKind::Invalid, "put", subject, message));
        }
    }
    Ok(())
}

/// A row's name, for errors.
pub(super) fn show(table: &str, (key, sub): &Place) -> String {
    let sub = sub.as_ref().map(|sub| format!("/{}", crate::outside(sub.as_str())));
    format!("{table}/{}{}", crate::outside(key.as_str()), sub.unwrap_or_default())
}

/// The hash of a row with its place: equal for equal rows in every store.
pub fn row_hash((key, sub): &Place, kept: &Kept) -> u128 {
    let mut hash = Hash(Xxh3::new());
    hash.text(key.as_str());
    hash.some(sub.as_ref().map(|sub| sub.as_str()), Hash::text);
    let Kept { row, over_ms } = kept;
    hash.some(row.token.as_ref(), |hash, token| {
        hash.text(&token.lease);
        hash.number(token.epoch);
        hash.text(&token.holder.app.to_string());
        hash.number(token.holder.incarnation.0);
        hash.number(token.activation);
    });
    hash.number(row.version);
    hash.number(u64::from(row.exists));
    // Only tombstones have it.
    hash.number(if row.exists { 0 } else { *over_ms });
    hash.number(row.fields.len() as u64);
    for (number, value) in &row.fields {
        hash.number(u64::from(*number));
        hash.value(value);
    }
    hash.bytes(&row.records);
    hash.0.digest128()
}

/// Each part says where it ends, so that no two rows are the same bytes.
struct Hash(Xxh3);

impl Hash {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn some<T>(&mut self, part: Option<T>, then: impl FnOnce(&mut Self, T)) {
        self.number(u64::from(part.is_some()));
        if let Some(part) = part {
            then(self, part);
        }
    }

    fn value(&mut self, value: &Value) {
        let (kind, number) = match value {
            Value::Bool(v) => (0, u64::from(*v)),
            Value::Int(v) => (1, v.cast_unsigned()),
            Value::Uint(v) => (2, *v),
            // There is one zero.
            Value::Float(v) => (3, if *v == 0.0 { 0 } else { v.to_bits() }),
            Value::Text(v) => (4, v.len() as u64),
            Value::Bytes(v) => (5, v.len() as u64),
        };
        self.number(kind);
        self.number(number);
        match value {
            Value::Text(v) => self.0.update(v.as_bytes()),
            Value::Bytes(v) => self.0.update(v),
            Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => {}
        }
    }
}
