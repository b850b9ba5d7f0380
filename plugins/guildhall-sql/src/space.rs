//! [`Space`]: the SQL schema with the tables of one store.

use std::fmt;
use std::marker::PhantomData;

/// A name as a vendor writes it in SQL.
pub trait Quote {
    /// A name in quotes.
    fn quoted(name: &str) -> String;
}

/// An SQL schema, which has the tables of one store.
///
/// The field is its name.
pub struct Space<D>(pub String, PhantomData<fn() -> D>);

impl<D: Quote> Space<D> {
    /// The schema with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into(), PhantomData)
    }

    /// A table's name in SQL.
    pub fn table(&self, name: &str) -> String {
        format!("{}.{}", D::quoted(&self.0), D::quoted(name))
    }
}

impl<D> fmt::Debug for Space<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Space").field(&self.0).finish()
    }
}
