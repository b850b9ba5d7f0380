//! [`LoadError`]: a row that does not fit its proto.

use guildhall_core::Key;

/// A row that cannot become an entity: the store holds something else than the proto says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("table {table}, row {}: {what}", guildhall_core::outside(.key.as_str()))]
pub struct LoadError {
    /// Table of the row.
    pub table: &'static str,
    /// Key of the row.
    pub key: Key,
    /// What does not fit.
    pub what: String,
}
