//! [`Update`]: what changes in a row.

use guildhall_core::store::{Kind, Value};

/// A row that changes.
#[derive(Debug)]
pub struct Update {
    /// Its key, as it is kept.
    pub key: String,
    /// Its sub key, as it is kept.
    pub sub: String,
    /// The version that it was read with: where it has another one, it is not changed.
    pub was: u64,
    /// The columns with another value.
    pub sets: Vec<Set>,
}

/// A column of a row that gets another value.
#[derive(Debug)]
pub struct Set {
    /// Its name.
    pub column: String,
    /// What it holds.
    pub kind: Kind,
    /// `None` is NULL.
    pub value: Option<Value>,
}

impl Update {
    /// Whether one statement can update both.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let mut pairs = self.sets.iter().zip(&other.sets);
        self.sets.len() == other.sets.len() && pairs.all(|(a, b)| a.column == b.column)
    }
}
