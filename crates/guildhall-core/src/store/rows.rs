//! [`Rows`]: the storage operations that claims, batches and indexes need.

use std::sync::Arc;

use super::error::StoreError;
use super::row::{Floor, LeaseId, Row, RowId};
use super::schema::Schema;
use crate::Key;

/// Which row of its table has a value: its key and its sub key.
pub type Place = (Key, Option<Key>);

/// One value of one row: column, value, and which row has it.
pub type Entry = (u32, Vec<u8>, Place);

/// A row as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The row.
    pub row: Row,
    /// Of a tombstone since when it may go, in ms since the Unix epoch; 0 where nobody has asked to keep it.
    pub over_ms: u64,
}

/// Rows by table, key and sub key, and their entries in indexes. An error of these methods is one of the storage: whatever
/// was put before it must not be kept.
pub trait Rows {
    /// The row as it stands.
    ///
    /// # Errors
    /// The storage failed.
    fn get(&self, id: &RowId) -> Result<Option<Kept>, StoreError>;

    /// Keeps a row. `was` is whether there was one, and whether it existed.
    ///
    /// # Errors
    /// The storage failed.
    fn put(&mut self, id: &RowId, was: Option<bool>, row: Kept) -> Result<(), StoreError>;

    /// Removes a tombstone.
    ///
    /// # Errors
    /// The storage failed.
    fn remove(&mut self, id: &RowId) -> Result<(), StoreError>;

    /// What removed rows of a lease have left.
    ///
    /// # Errors
    /// The storage failed.
    fn floor(&self, lease: &LeaseId) -> Result<Option<Floor>, StoreError>;

    /// Keeps the floor of a lease, for ever.
    ///
    /// # Errors
    /// The storage failed.
    fn set_floor(&mut self, lease: &LeaseId, floor: Floor) -> Result<(), StoreError>;

    /// Above which version rows of a table are made anew, because others were removed; 0 where none was.
    ///
    /// # Errors
    /// The storage failed.
    fn removed_version(&self, table: &str) -> Result<u64, StoreError>;

    /// Keeps it, for ever.
    ///
    /// # Errors
    /// The storage failed.
    fn set_removed_version(&mut self, table: &'static str, version: u64) -> Result<(), StoreError>;

    /// Ms since the Unix epoch, by the clock of the storage.
    fn now_ms(&self) -> u64;

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
