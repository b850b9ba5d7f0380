//! Questions to one table, answered page by page in the order of the key's text.

use super::row::Row;
use super::table::{Table, Value};
use crate::Key;

/// A question: rows of one table that meet all conditions.
#[derive(Clone, Debug)]
pub struct Query {
    /// The table.
    pub table: &'static Table,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// Keys after this one only: the last key of the page before.
    pub after: Option<Key>,
    /// At most this many rows.
    pub limit: usize,
}

/// A column compared with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Column number.
    pub column: u32,
    /// How to compare.
    pub compare: Compare,
    /// With what.
    pub value: Value,
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `>`
    Greater,
}

/// Some of the answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Rows with their keys, by ascending text of the key.
    pub rows: Vec<(Key, Row)>,
    /// Whether there may be more.
    pub more: bool,
}
