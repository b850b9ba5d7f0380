//! [`Work`]: rows as a transaction has read them, on which the core decides; what it changes is written by the transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guildhall_core::Key;
use guildhall_core::store::rows::{Entry, Kept, Place, Rows};
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Floor, LeaseId, RowId, StoreError};
use parking_lot::Mutex;

use crate::schema::Seen;

/// Table, key and sub key.
pub(crate) type At = (&'static str, Key, Option<Key>);
/// Table, column and value.
pub(crate) type Taken = (String, u32, Vec<u8>);

pub(crate) fn at(id: &RowId) -> At {
    (id.table.name, id.key.clone(), id.sub.clone())
}

/// What a transaction has read.
pub(crate) struct Base {
    pub(crate) seen: Arc<Seen>,
    /// By the clock of the server: for how long tombstones are kept, and nothing else.
    pub(crate) now_ms: u64,
    pub(crate) rows: BTreeMap<At, Kept>,
    pub(crate) floors: BTreeMap<LeaseId, Floor>,
    pub(crate) removed: BTreeMap<String, u64>,
    /// Who has values of unique columns, as far as was asked.
    pub(crate) holders: BTreeMap<Taken, Option<Place>>,
}

/// What is there after the changes so far.
pub(crate) struct Work<'a> {
    base: &'a Base,
    /// `None` is a row that was removed.
    pub(crate) rows: BTreeMap<At, Option<Kept>>,
    pub(crate) floors: BTreeMap<LeaseId, Floor>,
    pub(crate) removed: BTreeMap<&'static str, u64>,
    holders: BTreeMap<Taken, Option<Place>>,
    /// Values whose holders have to be read first; then all is decided anew.
    pub(crate) unread: Mutex<BTreeSet<Taken>>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(base: &'a Base) -> Self {
        Self {
            base,
            rows: BTreeMap::new(),
            floors: BTreeMap::new(),
            removed: BTreeMap::new(),
            holders: base.holders.clone(),
            unread: Mutex::default(),
        }
    }
}

impl Rows for Work<'_> {
    fn get(&self, id: &RowId) -> Result<Option<Kept>, StoreError> {
        let at = at(id);
        Ok(match self.rows.get(&at) {
            Some(changed) => changed.clone(),
            None => self.base.rows.get(&at).cloned(),
        })
    }

    fn put(&mut self, id: &RowId, _was: Option<bool>, kept: Kept) -> Result<(), StoreError> {
        self.rows.insert(at(id), Some(kept));
        Ok(())
    }

    fn remove(&mut self, id: &RowId) -> Result<(), StoreError> {
        self.rows.insert(at(id), None);
        Ok(())
    }

    fn floor(&self, lease: &LeaseId) -> Result<Option<Floor>, StoreError> {
        Ok(self.floors.get(lease).or_else(|| self.base.floors.get(lease)).cloned())
    }

    fn set_floor(&mut self, lease: &LeaseId, floor: Floor) -> Result<(), StoreError> {
        self.floors.insert(Arc::clone(lease), floor);
        Ok(())
    }

    fn removed_version(&self, table: &str) -> Result<u64, StoreError> {
        let removed = self.removed.get(table).or_else(|| self.base.removed.get(table));
        Ok(removed.copied().unwrap_or(0))
    }

    fn set_removed_version(&mut self, table: &'static str, version: u64) -> Result<(), StoreError> {
        self.removed.insert(table, version);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        self.base.now_ms
    }

    fn schema(&self, table: &str) -> Result<Arc<Schema>, StoreError> {
        Ok(self.base.seen.schema(table))
    }

    fn holder(&self, table: &str, column: u32, value: &[u8]) -> Result<Option<Place>, StoreError> {
        let taken = (table.to_owned(), column, value.to_vec());
        if let Some(holder) = self.holders.get(&taken) {
            return Ok(holder.clone());
        }
        self.unread.lock().insert(taken);
        Ok(None)
    }

    fn set_entry(&mut self, table: &str, entry: &Entry, there: bool) -> Result<(), StoreError> {
        // The indexes are the server's; only answers of `holder` have to follow.
        let (column, value, place) = entry;
        let taken = (table.to_owned(), *column, value.clone());
        if let Some(holder) = self.holders.get_mut(&taken) {
            if there {
                *holder = Some(place.clone());
            } else if holder.as_ref() == Some(place) {
                *holder = None;
            }
        }
        Ok(())
    }
}
