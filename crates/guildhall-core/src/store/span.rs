//! The plan of a query: which range of which index it walks, and how it makes a page.

use std::cmp::Ordering;

use super::error::{StoreError, StoreErrorKind};
use super::ordered::{default_of, ordered};
use super::query::{Compare, Condition, Cursor, Order, PAGE_LOOKS_MAX, PAGE_ROWS_MAX, Page, Query};
use super::row::Row;
use super::table::{Column, Value};
use crate::Key;

/// A part of an index, or of the rows themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whose index; `None` is the rows by key.
    pub column: Option<u32>,
    /// Value and key to begin with; the value of rows by key is empty.
    pub from: (Vec<u8>, String),
    /// Value and key to end before; `None` is the end of the index.
    pub to: Option<(Vec<u8>, String)>,
    /// From the end to the beginning.
    pub down: bool,
}

impl Query {
    /// Checks that the query fits the table and its indexes, and says what to walk.
    ///
    /// # Errors
    /// `Invalid`, naming the column and what to do.
    pub fn span(&self) -> Result<Span, StoreError> {
        if self.limit == 0 {
            return Err(self.invalid("its limit is 0; ask for at least one row"));
        }
        for condition in &self.conditions {
            let column = self.indexed(condition.column)?;
            if !condition.value.fits(column.kind) {
                let why =
                    format!("`{}` cannot be compared with {:?}", column.name, condition.value);
                return Err(self.invalid(why));
            }
        }
        let (column, down) = match self.order {
            Order::Key => (self.column_of_key_order()?, false),
            Order::Up(number) => (Some(self.indexed(number)?.number), false),
            Order::Down(number) => (Some(self.indexed(number)?.number), true),
        };
        let mut span = Span { column, from: (Vec::new(), String::new()), to: None, down };
        for condition in self.conditions.iter().filter(|it| Some(it.column) == column) {
            let value = ordered(&condition.value);
            let behind = [&value[..], &[0]].concat();
            match condition.compare {
                Compare::Equal => {
                    span.begin((value, String::new()));
                    span.end((behind, String::new()));
                }
                Compare::Less => span.end((value, String::new())),
                Compare::Greater => span.begin((behind, String::new())),
            }
        }
        if let Some(Cursor { value, key }) = &self.after {
            let value = match (self.order, value) {
                // All have the same value there.
                (Order::Key, _) => span.from.0.clone(),
                (Order::Up(number) | Order::Down(number), Some(value))
                    if value.fits(self.indexed(number)?.kind) =>
                {
                    ordered(value)
                }
                _ => return Err(self.invalid("`after` is of another query's order")),
            };
            if down {
                span.end((value, key.as_str().to_owned()));
            } else {
                span.begin((value, format!("{key}\0")));
            }
        }
        Ok(span)
    }

    /// Makes a page of rows that come in the order of the span.
    ///
    /// # Errors
    /// The first error of a row.
    pub fn page<E>(&self, rows: impl Iterator<Item = Result<(Key, Row), E>>) -> Result<Page, E> {
        let mut page = Page { rows: Vec::new(), next: None };
        let mut last = None;
        for (looks, found) in rows.enumerate() {
            let (key, mut row) = found?;
            if page.rows.len() == self.limit.min(PAGE_ROWS_MAX) || looks == PAGE_LOOKS_MAX {
                page.next = last;
                break;
            }
            last = Some(self.cursor(&key, &row));
            if self.matches(&row) {
                if self.keys_only {
                    self.strip(&mut row);
                }
                page.rows.push((key, row));
            }
        }
        Ok(page)
    }

    /// Leaves what the place in the order needs.
    fn strip(&self, row: &mut Row) {
        let ordered =
            |number: u32| matches!(self.order, Order::Up(of) | Order::Down(of) if of == number);
        row.fields.retain(|(number, _)| ordered(*number));
        row.records = bytes::Bytes::new();
    }

    /// The place of a row in this query's order: a page that was cut there goes on after it.
    pub fn cursor(&self, key: &Key, row: &Row) -> Cursor {
        let value = match self.order {
            Order::Key => None,
            Order::Up(number) | Order::Down(number) => self.value(row, number),
        };
        Cursor { value, key: key.clone() }
    }

    /// Whether a row is an answer: it exists, and meets all conditions. Absent fields have their default.
    fn matches(&self, row: &Row) -> bool {
        let meets = |condition: &Condition| {
            let value = self.value(row, condition.column)?;
            let order = value.partial_cmp(&condition.value)?;
            Some(match condition.compare {
                Compare::Equal => order == Ordering::Equal,
                Compare::Less => order == Ordering::Less,
                Compare::Greater => order == Ordering::Greater,
            })
        };
        row.exists && self.conditions.iter().all(|condition| meets(condition) == Some(true))
    }

    fn value(&self, row: &Row, number: u32) -> Option<Value> {
        match row.fields.binary_search_by_key(&number, |(n, _)| *n) {
            Ok(at) => Some(row.fields[at].1.clone()),
            Err(_) => Some(default_of(self.table.column(number)?.kind)),
        }
    }

    /// Rows with one value are in the order of their keys, so an index can be walked.
    fn column_of_key_order(&self) -> Result<Option<u32>, StoreError> {
        if let Some(equal) = self.conditions.iter().find(|it| it.compare == Compare::Equal) {
            return Ok(Some(equal.column));
        }
        match self.conditions.first() {
            None => Ok(None),
            Some(range) => {
                let name = self.indexed(range.column)?.name;
                Err(self
                    .invalid(format!("a range of `{name}` comes in its order: order by `{name}`")))
            }
        }
    }

    fn indexed(&self, number: u32) -> Result<&Column, StoreError> {
        match self.table.column(number) {
            Some(column) if column.is_indexed() => Ok(column),
            Some(column) => Err(self.invalid(format!(
                "`{}` is not indexed; add [(guildhall.field) = {{ index: true }}] to it",
                column.name
            ))),
            None => Err(self.invalid(format!("the table has no column {number}"))),
        }
    }

    fn invalid(&self, why: impl Into<String>) -> StoreError {
        StoreError::new(StoreErrorKind::Invalid, "query", self.table.name, why)
    }
}

impl Span {
    fn begin(&mut self, at: (Vec<u8>, String)) {
        self.from = std::mem::take(&mut self.from).max(at);
    }

    fn end(&mut self, at: (Vec<u8>, String)) {
        self.to = Some(match self.to.take() {
            Some(before) => before.min(at),
            None => at,
        });
    }

    /// Whether nothing can be in it.
    pub fn is_empty(&self) -> bool {
        self.to.as_ref().is_some_and(|to| *to <= self.from)
    }
}
