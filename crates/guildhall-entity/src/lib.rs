//! Entities: persistent state that knows which of its fields are not in the store yet.
//!
//! `guildhall-build` generates one [`Entity`] per message with `option (guildhall.entity)`: a struct that is read through
//! `Deref` and written through `set_x` and `x_mut`, so that nothing changes unnoticed. The runtime sees entities through
//! [`State`]: what an actor's rows are, and what to write next.
//!
//! | module | what |
//! |---|---|
//! | `meta` | dirty bits, and what the store is known to hold |
//! | `state` | `()`, an entity or a tuple of entities as what an actor saves |
//! | `column` | fields to columns and back |
//! | `index` | columns that queries may ask for |
//! | `unknown` | fields of newer releases in message columns |

mod column;
mod index;
mod meta;
mod state;
mod unknown;

pub use column::{
    Scalar, key_field, load_message, load_proto, load_scalar, message_value, proto_value,
    scalar_value,
};
pub use guildhall_core::Key;
pub use guildhall_core::store::{Column, Kind, Row, RowId, Table, Value, Write};
pub use index::Index;
pub use meta::EntityMeta;
pub use state::{RowChange, State};
pub use unknown::{Known, Tags};

/// A message that is one row of a table, with its dirty bits.
///
/// Generated, never written by hand. Bit n of the dirty bits stands for `TABLE.columns[n]`; the key has none, because it
/// never changes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    note = "entities are generated from messages with `option (guildhall.entity)`: use `{Self}Entity`"
)]
pub trait Entity: Sized + Send + 'static {
    /// The table.
    const TABLE: &'static Table;

    /// Builds the entity from the columns of its row; of a missing row there are none. Unknown columns are skipped.
    ///
    /// # Errors
    /// A column that does not hold what the proto says.
    fn load(key: &Key, columns: Vec<(u32, Value)>, meta: EntityMeta) -> Result<Self, LoadError>;

    /// The key as a column.
    fn key(&self) -> (u32, Value);

    /// Appends the columns whose bits are in `wanted`, by ascending number.
    fn columns(&mut self, wanted: u128, to: &mut Vec<(u32, Value)>);

    /// Dirty bits and version.
    fn meta(&self) -> &EntityMeta;

    /// Dirty bits and version.
    fn meta_mut(&mut self) -> &mut EntityMeta;
}

/// What has changed in a view of an entity. For the wire, a proto of yours has both: `repeated uint32 fields = 1; RoleState patch = 2;`
#[derive(Clone, Debug, PartialEq)]
pub struct Delta<M> {
    /// Numbers of the fields that have changed; one that is not set in `patch` is at its default now.
    pub fields: Vec<u32>,
    /// Their values, and the key.
    pub patch: M,
}

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
