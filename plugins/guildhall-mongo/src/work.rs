//! [`Work`]: rows as they were read, on which the core decides, and what it changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall_core::store::rows::{Entry, Kept, Place, Rows};
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Floor, LeaseId, RowId, StoreError};

use crate::document::{At, Found, at};
use crate::ground::Ground;
use crate::seen::Seen;

/// What was read, and what is there after the changes so far.
pub(crate) struct Work {
    pub(crate) seen: Arc<Seen>,
    /// By the clock of the server: for how long tombstones are kept, and nothing else.
    pub(crate) now_ms: u64,
    pub(crate) found: Found,
    /// Marks of the places of rows that are not there.
    pub(crate) reserved: BTreeMap<At, i64>,
    pub(crate) ground: Ground,
    /// `None` is a row that was removed.
    pub(crate) changed: BTreeMap<At, Option<Kept>>,
    pub(crate) raised: BTreeMap<LeaseId, Floor>,
    pub(crate) raised_removed: BTreeMap<&'static str, u64>,
}

impl Rows for Work {
    fn get(&self, id: &RowId) -> Result<Option<Kept>, StoreError> {
        let at = at(id);
        Ok(self.changed.get(&at).cloned().unwrap_or_else(|| self.found.get(&at).cloned()))
    }

    fn put(&mut self, id: &RowId, _was: Option<bool>, kept: Kept) -> Result<(), StoreError> {
        self.changed.insert(at(id), Some(kept));
        Ok(())
    }

    fn remove(&mut self, id: &RowId) -> Result<(), StoreError> {
        self.changed.insert(at(id), None);
        Ok(())
    }

    fn floor(&self, lease: &LeaseId) -> Result<Option<Floor>, StoreError> {
        Ok(self.raised.get(lease).or_else(|| self.ground.floors.get(lease)).cloned())
    }

    fn set_floor(&mut self, lease: &LeaseId, floor: Floor) -> Result<(), StoreError> {
        self.raised.insert(Arc::clone(lease), floor);
        Ok(())
    }

    fn removed_version(&self, table: &str) -> Result<u64, StoreError> {
        let removed = self.raised_removed.get(table).or_else(|| self.ground.removed.get(table));
        Ok(removed.copied().unwrap_or(0))
    }

    fn set_removed_version(&mut self, table: &'static str, version: u64) -> Result<(), StoreError> {
        self.raised_removed.insert(table, version);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn schema(&self, table: &str) -> Result<Arc<Schema>, StoreError> {
        Ok(self.seen.columns(table).schema)
    }

    /// Unique values are beyond this store, as its capabilities say.
    fn holder(&self, _: &str, _: u32, _: &[u8]) -> Result<Option<Place>, StoreError> {
        Ok(None)
    }

    /// Comparable values are in the documents themselves.
    fn set_entry(&mut self, _: &str, _: &Entry, _: bool) -> Result<(), StoreError> {
        Ok(())
    }
}
