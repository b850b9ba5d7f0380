//! Tables that clients have described, with a static life, as the store wants them.

use std::collections::BTreeMap;

use guildhall_core::store::{Column, Table, WAKE};
use guildhall_hub::convert;
use guildhall_hub::proto;
use parking_lot::RwLock;

/// What the hub's own tables begin with.
pub(crate) const OWN_PREFIX: &str = "guildhall.hub.";

/// The largest number that a field of a proto can have.
const NUMBER_MAX: u32 = (1 << 29) - 1;

/// Each distinct definition is leaked once; `max` bounds them.
pub(crate) struct Tables {
    by_fingerprint: RwLock<BTreeMap<u64, &'static Table>>,
    max: usize,
}

impl Tables {
    pub(crate) fn new(max: usize) -> Self {
        Self { by_fingerprint: RwLock::default(), max }
    }

    /// The table with this fingerprint, if a client has prepared it in this life of the hub.
    pub(crate) fn get(&self, fingerprint: u64) -> Option<&'static Table> {
        self.by_fingerprint.read().get(&fingerprint).copied()
    }

    /// The table that is described, or what is wrong with it.
    pub(crate) fn intern(&self, of: &proto::Table) -> Result<&'static Table, String> {
        let fingerprint = convert::fingerprint(of);
        let mut known = self.by_fingerprint.write();
        if let Some(table) = known.get(&fingerprint) {
            return Ok(table);
        }
        if of.name.is_empty() || of.name.starts_with(OWN_PREFIX) {
            return Err(format!("no table can be named `{}`; rename it", of.name));
        }
        if known.len() >= self.max {
            return Err(format!("the hub has {} tables (hub.tables_max)", self.max));
        }
        let key = of.key.as_ref().ok_or("it has no key column")?;
        let is_number = |number| (1..=NUMBER_MAX).contains(&number);
        let is_column = |of: &proto::Column| is_number(of.number) || of.number == WAKE.number;
        if !(is_number(key.number) && of.columns.iter().all(is_column)) {
            return Err(format!("a column has a number that is not 1 to {NUMBER_MAX}"));
        }
        let ascends = of.columns.windows(2).all(|pair| pair[0].number < pair[1].number);
        if !ascends {
            return Err("its columns are not in the order of their numbers".to_owned());
        }
        let columns: Vec<Column> = of.columns.iter().map(column).collect();
        let table: &'static Table = Box::leak(Box::new(Table {
            name: leak(&of.name),
            key: column(key),
            columns: Vec::leak(columns),
        }));
        known.insert(fingerprint, table);
        Ok(table)
    }
}

fn column(of: &proto::Column) -> Column {
    Column {
        number: of.number,
        name: leak(&of.name),
        kind: convert::from_kind(of),
        unique: of.unique,
        index: of.index,
    }
}

fn leak(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
