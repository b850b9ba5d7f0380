//! [`Index`]: an indexed column as a value, so that queries by other columns do not compile.

use std::marker::PhantomData;

/// An indexed column of entity `E` with values of type `T`: generated as `SeatStateEntity::BY_GUILD` for every field that is
/// `index` or `unique`.
pub struct Index<E, T> {
    number: u32,
    types: PhantomData<fn(E) -> T>,
}

impl<E, T> Index<E, T> {
    /// Generated code alone knows which columns have an index.
    #[doc(hidden)]
    pub const fn new(number: u32) -> Self {
        Self { number, types: PhantomData }
    }

    /// Number of the column.
    pub const fn number(&self) -> u32 {
        self.number
    }
}

impl<E, T> Clone for Index<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, T> Copy for Index<E, T> {}

impl<E, T> std::fmt::Debug for Index<E, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Index").field(&self.number).finish()
    }
}
