//! What a store remembers of a table's columns, and which changes of them it refuses.

use std::collections::BTreeMap;

use super::table::{Column, Kind, Table};
use super::{StoreError, StoreErrorKind};

/// The columns of a table that a store has seen so far, by number; none is ever forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// By number.
    pub columns: BTreeMap<u32, SeenColumn>,
}

/// A column as a store remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenColumn {
    /// Its name.
    pub name: String,
    /// How its values are kept.
    pub kind: Kind,
    /// Whether the table that was prepared last wants its values unique.
    pub unique: bool,
}

impl Schema {
    /// Adds the columns of `table`. Columns that it does not have stay.
    ///
    /// # Errors
    /// `Invalid` for a column that has another kind than before, or the number of another name, with the remedy.
    pub fn evolve(&self, table: &Table) -> Result<Self, StoreError> {
        let mut columns = self.columns.clone();
        for seen in columns.values_mut() {
            seen.unique = false;
        }
        for column in std::iter::once(&table.key).chain(table.columns) {
            if let Some(seen) = columns.get(&column.number) {
                check(table, column, seen)?;
            }
            let Column { name, kind, unique, .. } = *column;
            columns.insert(column.number, SeenColumn { name: name.to_owned(), kind, unique });
        }
        Ok(Self { columns })
    }

    /// The numbers of the unique columns.
    pub fn unique(&self) -> impl Iterator<Item = u32> {
        self.columns.iter().filter(|(_, seen)| seen.unique).map(|(number, _)| *number)
    }
}

fn check(table: &Table, column: &Column, seen: &SeenColumn) -> Result<(), StoreError> {
    let number = column.number;
    let message = if seen.name != column.name {
        format!(
            "column {number} is `{}` here and `{}` in the store; a renamed or new field needs a new number",
            column.name, seen.name
        )
    } else if seen.kind != column.kind {
        format!(
            "column {number} `{}` is {:?} here and {:?} in the store; give the new type a new field number and move the values",
            column.name, column.kind, seen.kind
        )
    } else {
        return Ok(());
    };
    Err(StoreError::new(StoreErrorKind::Invalid, "prepare", table.name, message))
}
