//! The recorded columns of a table, and the schema changes that a store refuses.

use std::collections::BTreeMap;

use super::error::{StoreError, StoreErrorKind};
use super::ordered::{default_of, ordered};
use super::table::{Column, Kind, Table};

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
    /// Whether the table that had it last wants its values unique.
    pub unique: bool,
    /// Whether it has an index. One that was built stays: an older release may come and go.
    pub index: bool,
}

/// What `prepare` may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Migrate {
    /// Whatever the tables need.
    #[default]
    Auto,
    /// Nothing: it is an error that says what the tables need.
    Check,
}

/// What a table needs.
#[derive(Clone, Debug)]
pub struct Change {
    /// The table.
    pub table: &'static Table,
    /// What is remembered of it from then on.
    pub schema: Schema,
    /// Whether its rows need new entries in indexes.
    pub index: bool,
}

/// What `tables` need, beside what `seen` says is there. Nothing has changed when it fails.
///
/// # Errors
/// `Invalid` for a column that has another kind than before, or the number of another name, with the remedy; and for any need
/// with [`Migrate::Check`]. The errors of `seen`.
pub fn plan(
    tables: &[&'static Table],
    migrate: Migrate,
    seen: impl Fn(&'static Table) -> Result<Schema, StoreError>,
) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    let mut needs = Vec::new();
    for table in tables {
        let seen = seen(table)?;
        let schema = seen.evolve(table)?;
        if schema != seen {
            let index = schema.needs(&seen, table.name, &mut needs);
            changes.push(Change { table, schema, index });
        }
    }
    if migrate == Migrate::Auto || changes.is_empty() {
        return Ok(changes);
    }
    let message = format!(
        "store.migrate is `check`, and the store needs {}; start one app with `auto`, or go back to the release before",
        needs.join(", ")
    );
    Err(StoreError::new(StoreErrorKind::Invalid, "prepare", "the store", message))
}

impl Schema {
    /// Adds the columns of `table`. Columns that it does not have stay.
    ///
    /// # Errors
    /// `Invalid` for a column that has another kind than before, or the number of another name, with the remedy.
    pub fn evolve(&self, table: &Table) -> Result<Self, StoreError> {
        let mut columns = self.columns.clone();
        for column in std::iter::once(&table.key).chain(table.columns) {
            let seen = columns.get(&column.number);
            if let Some(seen) = seen {
                check(table, column, seen)?;
            }
            let Column { name, kind, unique, .. } = *column;
            let index = column.is_indexed() || seen.is_some_and(|seen| seen.index);
            columns
                .insert(column.number, SeenColumn { name: name.to_owned(), kind, unique, index });
        }
        Ok(Self { columns })
    }

    /// Whether no other row may have this value in this column. Default values are no values.
    pub(super) fn is_unique(&self, column: u32, value: &[u8]) -> bool {
        let column = self.columns.get(&column).filter(|column| column.unique);
        column.is_some_and(|column| ordered(&default_of(column.kind)) != value)
    }

    /// The unique columns that were not in `before`.
    pub fn unique_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = u32> + 'a {
        let was = |number| before.columns.get(number).is_some_and(|seen| seen.unique);
        let unique = self.columns.iter().filter(move |(number, now)| now.unique && !was(number));
        unique.map(|(number, _)| *number)
    }

    /// Says in words what this has beyond `before`, and whether rows need new entries.
    fn needs(&self, before: &Self, table: &str, words: &mut Vec<String>) -> bool {
        if before.columns.is_empty() {
            words.push(format!("a new table `{table}`"));
            return false;
        }
        let mut index = false;
        for (number, now) in &self.columns {
            let (name, seen) = (&now.name, before.columns.get(number));
            if seen.is_none() {
                words.push(format!("a column {number} `{name}` in `{table}`"));
            }
            if now.index && !seen.is_some_and(|seen| seen.index) {
                words.push(format!("an index on `{table}.{name}`"));
                index = true;
            }
            match (now.unique, seen.is_some_and(|seen| seen.unique)) {
                (true, false) => {
                    words.push(format!("unique values in `{table}.{name}`"));
                    index = true;
                }
                (false, true) => words.push(format!("no more unique values in `{table}.{name}`")),
                _ => {}
            }
        }
        index
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
