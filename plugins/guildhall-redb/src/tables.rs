//! The tables of a file.

use redb::TableDefinition;

/// Table, key and sub key of a row.
pub(crate) type RowKey = (&'static str, &'static str, Option<&'static str>);
/// Table, column and value, and key and sub key of the row that has it.
pub(crate) type IndexKey = (&'static str, u32, &'static [u8], &'static str, Option<&'static str>);

/// Table, since when it may go, and key and sub key of a tombstone.
pub(crate) type OverKey = (&'static str, u64, &'static str, Option<&'static str>);

/// Rows that exist: queries walk over these alone.
pub(crate) const ROWS: TableDefinition<'static, RowKey, &[u8]> = TableDefinition::new("rows");
pub(crate) const TOMBSTONES: TableDefinition<'static, RowKey, &[u8]> =
    TableDefinition::new("tombstones");
pub(crate) const OVER: TableDefinition<'static, OverKey, ()> = TableDefinition::new("over");
/// By lease.
pub(crate) const FLOORS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("floors");
/// By table, above which version rows are made.
pub(crate) const REMOVED: TableDefinition<'static, &str, u64> = TableDefinition::new("removed");
pub(crate) const INDEX: TableDefinition<'static, IndexKey, ()> = TableDefinition::new("index");
/// What was prepared, by table.
pub(crate) const SCHEMAS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("schemas");
/// `format`: how this file is laid out. `transaction`: the last one that is in the file.
pub(crate) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
pub(crate) const TRANSACTION: &str = "transaction";
/// What a probe has written.
pub(crate) const PROBE: TableDefinition<'static, (), &[u8]> = TableDefinition::new("probe");

/// What comes directly after all that begins with this table name.
pub(crate) fn behind(table: &str) -> String {
    format!("{table}\0")
}
