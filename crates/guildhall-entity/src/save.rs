//! The write of one entity: its changes that are not stored yet.

use guildhall_core::store::{RowId, Table, Value, Write};

use crate::column::is_default;
use crate::entity::Entity;

/// A write of one row, to be guarded by the version that was last seen.
#[derive(Clone, Debug)]
pub struct RowChange {
    /// Which row.
    pub row: RowId,
    /// The version it has now.
    pub version: u64,
    /// What to write.
    pub write: Write,
}

/// Moves the unsaved bits of `entity` into a write, if there is anything to write, or it exists and is to be written `anyway`.
///
/// One write is in flight per row, so the caller has finished the one before with `saved` or `not_saved`.
pub(crate) fn begin_save<E: Entity>(entity: &mut E, anyway: bool) -> Option<RowChange> {
    let meta = entity.meta();
    debug_assert!(!meta.is_saving(), "{}/{}: a write is in flight", E::TABLE.name, meta.key());
    let anyway = anyway && meta.is_stored() && meta.exists();
    if meta.is_saving() || !(meta.is_dirty() || anyway) {
        return None;
    }
    let (stored, exists, bits) = (meta.is_stored(), meta.exists(), meta.unsaved());
    let write = match (stored, exists) {
        (true, false) => Write::Delete,
        (true, true) => {
            let mut columns = Vec::with_capacity(width(E::TABLE, bits));
            entity.columns(bits, &mut columns);
            Write::Update(columns)
        }
        (false, _) => Write::Create(all_columns(entity)),
    };
    let meta = entity.meta_mut();
    meta.begin_write();
    let row = RowId { table: E::TABLE, key: meta.key().clone(), sub: None };
    Some(RowChange { row, version: meta.version(), write })
}

/// The key and every column that is not at its default.
fn all_columns<E: Entity>(entity: &mut E) -> Vec<(u32, Value)> {
    let mut columns = Vec::with_capacity(E::TABLE.columns.len() + 1);
    entity.columns(u128::MAX, &mut columns);
    columns.retain(|(_, value)| !is_default(value));
    let key = entity.key();
    columns.insert(columns.partition_point(|(number, _)| *number < key.0), key);
    columns
}

fn width(table: &Table, bits: u128) -> usize {
    table.columns.len().min(usize::try_from(bits.count_ones()).unwrap_or(usize::MAX))
}
