//! Queries of one table, page by page, ordered by key or by an indexed column.

use super::row::Row;
use super::table::{Table, Value};
use crate::Key;

/// The most rows one page of a query holds.
pub const PAGE_ROWS_MAX: usize = 1000;

/// The most rows that are looked at for one page: where conditions leave few of them, a page ends early.
pub const PAGE_LOOKS_MAX: usize = 10_000;

/// A question: rows of one table that meet all conditions.
#[derive(Clone, Debug)]
pub struct Query {
    /// The table.
    pub table: &'static Table,
    /// All must hold. Their columns are indexed.
    pub conditions: Vec<Condition>,
    /// In which order.
    pub order: Order,
    /// What comes after this only: `Page::next` of the page before.
    pub after: Option<Cursor>,
    /// At most this many rows, at least 1; never more than [`PAGE_ROWS_MAX`].
    pub limit: usize,
    /// Rows come with their keys and the column of the order, without other columns and records: whatever their size, they cannot
    /// stop a page.
    pub keys_only: bool,
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

/// In which order rows come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By ascending text of the key. Conditions that are ranges need one of the other orders.
    #[default]
    Key,
    /// By the value of this column, the smallest first; equal ones by the text of the key.
    Up(u32),
    /// The opposite of [`Order::Up`], equal ones included.
    Down(u32),
}

/// A place in an order of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The value of the order's column; `None` where the order is the key's.
    pub value: Option<Value>,
    /// The key.
    pub key: Key,
}

/// Some of the answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Rows with their keys, in the query's order.
    pub rows: Vec<(Key, Row)>,
    /// Where to go on; `None` when there is nothing more. A page may have few rows, or none, and yet have this.
    pub next: Option<Cursor>,
}
