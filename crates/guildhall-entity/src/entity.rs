//! [`Entity`]: a message that is one row of a table.

use guildhall_core::Key;
use guildhall_core::store::{Table, Value};

use crate::error::LoadError;
use crate::meta::EntityMeta;

/// An entity: a message that is one row of a table, with change tracking.
///
/// Implementations are generated. Bit n of the dirty bits stands for `TABLE.columns[n]`; the key has none, because it never changes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    note = "entities are generated from messages with `option (guildhall.entity)`: use `{Self}Entity`"
)]
pub trait Entity: Sized + Send + 'static {
    /// The table.
    const TABLE: &'static Table;

    /// Builds the entity from the columns of its row; a missing row has no columns. Unknown columns are skipped.
    ///
    /// # Errors
    /// A column does not have the type that the proto declares.
    fn load(key: &Key, columns: Vec<(u32, Value)>, meta: EntityMeta) -> Result<Self, LoadError>;

    /// The number and the value of the key column.
    fn key(&self) -> (u32, Value);

    /// Appends the columns whose bits are in `wanted`, in ascending order of their numbers.
    fn columns(&mut self, wanted: u128, to: &mut Vec<(u32, Value)>);

    /// Dirty bits and version.
    fn meta(&self) -> &EntityMeta;

    /// Dirty bits and version.
    fn meta_mut(&mut self) -> &mut EntityMeta;

    /// By how many bytes these columns have grown in the turn that has changed them.
    fn grown(&mut self, columns: u128) -> isize;

    /// The number of one of these columns whose messages are nested so deep that it could not be read again.
    fn too_deep(&mut self, columns: u128) -> Option<u32>;

    /// Whether one of these columns is unique and has another value than before the turn that has changed it.
    fn has_new_unique(&self, columns: u128) -> bool;

    /// Gives these columns the values that they had before the turn, which it forgets.
    fn take_back(&mut self, columns: u128);

    /// Forgets the values of before the turn.
    fn forget_turn(&mut self);
}

/// What has changed in a view of an entity. For the wire, a proto of yours has both: `repeated uint32 fields = 1; RoleState patch = 2;`
#[derive(Clone, Debug, PartialEq)]
pub struct Delta<M> {
    /// Numbers of the fields that have changed; one that is not set in `patch` is at its default now.
    pub fields: Vec<u32>,
    /// Their values, and the key.
    pub patch: M,
}
