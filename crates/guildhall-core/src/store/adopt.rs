//! Gives the rows of a renamed actor type or entity to its new name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Store;
use super::bulk::{BULK_ROWS_MAX, Bulk, Placed, Put, Remains};
use super::copy::{bulk, tables};
use super::error::{StoreError, StoreErrorKind};
use super::row::LeaseId;
use super::schema::Migrate;
use super::table::Table;

/// What was adopted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Rows of the table with the old name that are in the table with the new name.
    pub moved: u64,
    /// Rows whose token is of the new actor type's leases.
    pub renamed: u64,
    /// Floors of the new actor type's leases.
    pub floors: u64,
}

/// Rows of one table, by the leases of their tokens.
#[derive(Default)]
struct Owned {
    rows: u64,
    old: u64,
    new: u64,
}

/// Gives rows to a new name. Where `old` is a table, its rows are copied to the table `new`, and stay under the old name too. Where
/// `old` is an actor type, rows under its leases (`old/17`) come under the leases of `new` (`new/17`), and so do the floors. No app may
/// use the store meanwhile. With `resume`, rows that are under the new name already are those of a call that was broken off.
///
/// # Errors
/// `Missing`: nothing has the old name. `Exists`: rows have the new name already. The errors of the store.
///
/// # Cancel safety
/// Part of the rows has the new name; the same call with `resume` goes on.
pub async fn adopt(
    store: &dyn Store,
    old: &str,
    new: &str,
    resume: bool,
) -> Result<Adopted, StoreError> {
    let rows = bulk(store, "adopt")?;
    let (tables, names) = (tables(rows).await?, Names { old, new });
    let mut owned = BTreeMap::new();
    for (name, table) in &tables {
        owned.insert(name.as_str(), names.count(rows, table).await?);
    }
    let remains = rows.remains().await?;
    names.check(&owned, &remains, resume)?;

    let mut floors = Remains::default();
    for (lease, floor) in &remains.floors {
        if let Some(renamed) = names.renamed(lease) {
            floors.floors.insert(renamed, floor.clone());
        }
    }
    if let Some(version) = remains.removed.get(old).filter(|_| tables.contains_key(old)) {
        floors.removed.insert(new.to_owned(), *version);
    }
    let mut adopted = Adopted { floors: floors.floors.len() as u64, ..Adopted::default() };
    let target = match tables.get(old) {
        None => None,
        Some(table) => {
            let name = String::leak(new.to_owned());
            let Table { key, columns, .. } = **table;
            let table: &'static Table = Box::leak(Box::new(Table { name, key, columns }));
            store.prepare(&[table], Migrate::Auto).await?;
            Some(table)
        }
    };
    rows.raise(&floors).await?;
    for (name, table) in tables.iter().filter(|(name, _)| target.is_none() || *name != new) {
        let to = target.filter(|_| name == old);
        names.change(rows, table, to, &mut adopted).await?;
    }
    Ok(adopted)
}

struct Names<'a> {
    old: &'a str,
    new: &'a str,
}

impl Names<'_> {
    /// The slot's lease of the new actor type.
    fn renamed(&self, lease: &str) -> Option<LeaseId> {
        let slot = slot_of(lease, self.old)?;
        Some(Arc::from(format!("{}/{slot}", self.new)))
    }

    async fn count(&self, rows: &dyn Bulk, table: &'static Table) -> Result<Owned, StoreError> {
        let (mut owned, mut after) = (Owned::default(), None);
        loop {
            let page = rows.scan(table, after.as_ref(), BULK_ROWS_MAX).await?;
            for row in &page {
                let lease = row.kept.row.token.as_ref().map(|token| &*token.lease);
                let is = |actor| lease.is_some_and(|lease| slot_of(lease, actor).is_some());
                owned.rows += 1;
                owned.old += u64::from(is(self.old));
                owned.new += u64::from(is(self.new));
            }
            if page.len() < BULK_ROWS_MAX {
                return Ok(owned);
            }
            after = page.last().cloned();
        }
    }

    fn check(
        &self,
        owned: &BTreeMap<&str, Owned>,
        remains: &Remains,
        resume: bool,
    ) -> Result<(), StoreError> {
        let Self { old, new } = self;
        let floors_of = |actor| remains.floors.keys().any(|lease| slot_of(lease, actor).is_some());
        let is_old = owned.contains_key(old) || owned.values().any(|it| it.old > 0);
        if !is_old && !floors_of(old) && !resume {
            let message = format!("no table and no lease of a row has the name `{old}`");
            return Err(StoreError::new(StoreErrorKind::Missing, "adopt", old, message));
        }
        // A table may have had the new name of its actor type all along.
        let moves = owned.contains_key(old);
        let is_new = owned.get(new).is_some_and(|it| moves && it.rows > 0);
        let is_new = is_new || floors_of(new) || owned.values().any(|it| it.new > 0);
        if is_new && !resume {
            let message = format!(
                "`{new}` has rows of its own, which would be mixed with those of `{old}`; if an earlier run was broken off, \
                 run it again with --resume"
            );
            return Err(StoreError::new(StoreErrorKind::Exists, "adopt", new, message));
        }
        Ok(())
    }

    /// Puts the rows of one table under the new name, where they are or in the table `to`.
    async fn change(
        &self,
        rows: &dyn Bulk,
        table: &'static Table,
        to: Option<&'static Table>,
        adopted: &mut Adopted,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = rows.scan(table, after.as_ref(), BULK_ROWS_MAX).await?;
            let full = page.len() == BULK_ROWS_MAX;
            after = page.last().cloned();
            let mut puts = Vec::new();
            for Placed { place, kept } in page {
                let before = kept.clone();
                let mut kept = kept;
                if let Some(token) = &mut kept.row.token
                    && let Some(lease) = self.renamed(&token.lease)
                {
                    token.lease = lease;
                    adopted.renamed += 1;
                } else if to.is_none() {
                    continue;
                }
                adopted.moved += u64::from(to.is_some());
                puts.push(Put { place, over: Some(before).filter(|_| to.is_none()), kept });
            }
            rows.put(to.unwrap_or(table), &puts).await?;
            if !full {
                return Ok(());
            }
        }
    }
}

/// The slot of a lease, if it is one of this actor type.
fn slot_of<'a>(lease: &'a str, actor: &str) -> Option<&'a str> {
    let slot = lease.strip_prefix(actor)?.strip_prefix('/')?;
    slot.bytes().all(|digit| digit.is_ascii_digit()).then_some(slot)
}
