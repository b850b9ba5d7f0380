//! Copies all rows of a store to another one, and compares the two.

use std::collections::{BTreeMap, BTreeSet};

use super::Store;
use super::bulk::{BULK_ROWS_MAX, Bulk, Placed, Put, Remains, row_hash, show, table_of};
use super::error::{StoreError, StoreErrorKind};
use super::row::RowId;
use super::rows::Kept;
use super::schema::Migrate;
use super::table::{Table, Value};

/// What the names of a hub's own tables begin with: its leases, which are nothing to another store.
const HUB: &str = "guildhall.hub.";

/// Bytes of rows that are put at once, unless one row alone has more.
const PUT_BYTES_MAX: usize = 4 << 20;

/// Differing rows of one table that are named.
const NAMED_MAX: usize = 10;

/// The rows of a table in two stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The table; for what removed rows have left, the words `(removed rows)`.
    pub table: String,
    /// In the store that was copied from.
    pub from: Sum,
    /// In the store that was copied to.
    pub to: Sum,
    /// The first rows that are not the same, at most 10.
    pub differ: Vec<String>,
}

/// Count and hash of rows: the same for the same rows in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Rows, tombstones included.
    pub rows: u64,
    /// Tombstones among them.
    pub tombstones: u64,
    /// Sum of the hashes of the rows.
    pub hash: u128,
}

impl Sum {
    fn add(&mut self, row: &Placed) {
        self.rows += 1;
        self.tombstones += u64::from(!row.kept.row.exists);
        self.hash = self.hash.wrapping_add(row_hash(&row.place, &row.kept));
    }
}

impl Compared {
    /// Whether both have the same rows.
    pub fn is_same(&self) -> bool {
        self.from == self.to
    }
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows that were not there before.
    pub new: u64,
    /// Rows that were there already, of a copy that was broken off.
    pub there: u64,
    /// The largest era of epochs in the rows and floors.
    pub era: u64,
}

/// Checks that a store can keep what is in another one.
///
/// # Errors
/// `Invalid`, naming a column whose values are unique, which `to` cannot keep so; the errors of `from`.
pub async fn check_kept(from: &dyn Store, to: &dyn Store) -> Result<(), StoreError> {
    let tables = tables(bulk(from, "copy")?).await?;
    let columns = tables.values().flat_map(|table| table.columns.iter().map(|it| (table.name, it)));
    let mut unique = columns.filter(|(_, column)| column.unique);
    let Some((table, column)) = unique.next().filter(|_| !to.capabilities().unique) else {
        return Ok(());
    };
    let message = "its values are unique, and the store that is copied to cannot keep them so; choose another one";
    let subject = format!("{table}.{}", column.name);
    Err(StoreError::new(StoreErrorKind::Invalid, "copy", subject, message))
}

/// Copies every table of `from` to `to`, which must be empty or have part of the same rows: a copy that was broken off goes on. No app
/// may use either store meanwhile. Rows that `from` gets or changes while it is copied are found by [`compare`], if they come before it.
///
/// # Errors
/// `Exists` when `to` has a row that `from` has not, or has otherwise; the errors of both stores.
///
/// # Cancel safety
/// Part of the rows is copied; the same call goes on.
pub async fn copy(from: &dyn Store, to: &dyn Store) -> Result<Copied, StoreError> {
    let (source, target) = (bulk(from, "copy")?, bulk(to, "copy")?);
    let tables = tables(source).await?;
    if tables.is_empty() {
        let message = "it has no tables; is this the store that the apps use?";
        return Err(StoreError::new(StoreErrorKind::Missing, "copy", "from", message));
    }
    refuse_others(from, target, &tables).await?;
    let all: Vec<_> = tables.values().copied().collect();
    to.prepare(&all, Migrate::Auto).await?;
    // Floors come first: an app that is started too early makes no row anew that was removed.
    let remains = source.remains().await?;
    target.raise(&remains).await?;
    let mut copied = Copied::default();
    for floor in remains.floors.values() {
        copied.era = copied.era.max(floor.epoch >> 48);
    }
    for table in all {
        let mut after = None;
        loop {
            let page = source.scan(table, after.as_ref(), BULK_ROWS_MAX).await?;
            let full = page.len() == BULK_ROWS_MAX;
            after = page.last().cloned();
            for row in &page {
                let era = row.kept.row.token.as_ref().map_or(0, |token| token.epoch >> 48);
                copied.era = copied.era.max(era);
            }
            let (mut puts, mut bytes, count) = (Vec::new(), 0, page.len() as u64);
            let mut new = 0;
            for Placed { place, kept } in page {
                bytes += size(&kept);
                if bytes > PUT_BYTES_MAX && !puts.is_empty() {
                    new += target.put(table, &std::mem::take(&mut puts)).await? as u64;
                    bytes = size(&kept);
                }
                puts.push(Put { place, over: None, kept });
            }
            new += target.put(table, &puts).await? as u64;
            copied.new += new;
            copied.there += count - new;
            if !full {
                break;
            }
        }
    }
    Ok(copied)
}

/// Compares every table of two stores by count and hash, and names the first rows that are not the same.
///
/// # Errors
/// Those of both stores.
pub async fn compare(from: &dyn Store, to: &dyn Store) -> Result<Vec<Compared>, StoreError> {
    let (source, target) = (bulk(from, "compare")?, bulk(to, "compare")?);
    let (mut of_from, of_to) = (tables(source).await?, tables(target).await?);
    let mut all = Vec::new();
    for (name, table) in of_to {
        of_from.entry(name).or_insert(table);
    }
    let seen: [BTreeSet<String>; 2] = [names(source).await?, names(target).await?];
    for (name, table) in of_from {
        let [in_from, in_to] = seen.each_ref().map(|seen| seen.contains(&name));
        let from_sum = if in_from { sum(source, table).await? } else { Sum::default() };
        let to_sum = if in_to { sum(target, table).await? } else { Sum::default() };
        let mut compared = Compared { table: name, from: from_sum, to: to_sum, differ: Vec::new() };
        if !compared.is_same() {
            let differ = &mut compared.differ;
            if in_from {
                name_differing(source, table, in_to.then_some(to), differ).await?;
            }
            if in_to {
                name_differing(target, table, in_from.then_some(from), differ).await?;
            }
        }
        all.push(compared);
    }
    all.push(compare_remains(&source.remains().await?, &target.remains().await?));
    Ok(all)
}

fn compare_remains(from: &Remains, to: &Remains) -> Compared {
    let text = |remains: &Remains| -> BTreeMap<String, String> {
        let hub = |table: &&String| !table.starts_with(HUB);
        let removed = remains.removed.iter().filter(|(table, _)| hub(table));
        let removed =
            removed.map(|(table, version)| (format!("table {table}"), version.to_string()));
        let floors = remains.floors.iter();
        let floors = floors.map(|(lease, floor)| {
            (format!("lease {lease}"), format!("{} {}", floor.epoch, floor.holder))
        });
        removed.chain(floors).collect()
    };
    let (of_from, of_to) = (text(from), text(to));
    let sum = |texts: &BTreeMap<String, String>| {
        let hash = |(name, value): (&String, &String)| {
            xxhash_rust::xxh3::xxh3_128(format!("{name}\0{value}").as_bytes())
        };
        Sum {
            rows: texts.len() as u64,
            tombstones: 0,
            hash: texts.iter().map(hash).fold(0, u128::wrapping_add),
        }
    };
    let all: BTreeSet<&String> = of_from.keys().chain(of_to.keys()).collect();
    let differ = all.into_iter().filter(|name| of_from.get(*name) != of_to.get(*name));
    Compared {
        table: "(removed rows)".to_owned(),
        from: sum(&of_from),
        to: sum(&of_to),
        differ: differ.take(NAMED_MAX).cloned().collect(),
    }
}

/// Refuses a target with a row that is not the source's: two games would be mixed.
async fn refuse_others(
    from: &dyn Store,
    target: &dyn Bulk,
    copied: &BTreeMap<String, &'static Table>,
) -> Result<(), StoreError> {
    for (name, table) in tables(target).await? {
        let other = copied.contains_key(&name).then_some(from);
        let mut differ = Vec::new();
        name_differing(target, table, other, &mut differ).await?;
        if let Some(row) = differ.first() {
            let message = "the store that is copied to has this row already, and the other has it not, or otherwise; \
                           empty it, or choose another one";
            return Err(StoreError::new(StoreErrorKind::Exists, "copy", row, message));
        }
    }
    Ok(())
}

/// Adds rows of one store that are not the same in the other one.
async fn name_differing(
    of: &dyn Bulk,
    table: &'static Table,
    other: Option<&dyn Store>,
    differ: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = of.scan(table, after.as_ref(), BULK_ROWS_MAX).await?;
        let id = |Placed { place: (key, sub), .. }: &Placed| RowId {
            table,
            key: key.clone(),
            sub: sub.clone(),
        };
        let ids: Vec<_> = page.iter().map(id).collect();
        let others = match other {
            Some(other) if !ids.is_empty() => other.read(&ids).await?,
            _ => vec![None; ids.len()],
        };
        for (row, other) in page.iter().zip(others) {
            if differ.len() == NAMED_MAX {
                return Ok(());
            }
            let over_ms = row.kept.over_ms;
            let other = other.map(|row| Kept { row, over_ms });
            let is_same = other.is_some_and(|other| {
                row_hash(&row.place, &other) == row_hash(&row.place, &row.kept)
            });
            let name = show(table.name, &row.place);
            if !is_same && !differ.contains(&name) {
                differ.push(name);
            }
        }
        if page.len() < BULK_ROWS_MAX {
            return Ok(());
        }
        after = page.last().cloned();
    }
}

/// About what a row takes.
fn size(kept: &Kept) -> usize {
    let fields = kept.row.fields.iter().map(|(_, value)| match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => 8,
    });
    fields.sum::<usize>() + kept.row.records.len()
}

async fn sum(of: &dyn Bulk, table: &'static Table) -> Result<Sum, StoreError> {
    let (mut sum, mut after) = (Sum::default(), None);
    loop {
        let page = of.scan(table, after.as_ref(), BULK_ROWS_MAX).await?;
        page.iter().for_each(|row| sum.add(row));
        if page.len() < BULK_ROWS_MAX {
            return Ok(sum);
        }
        after = page.last().cloned();
    }
}

/// The tables of the game.
pub(super) async fn tables(of: &dyn Bulk) -> Result<BTreeMap<String, &'static Table>, StoreError> {
    let schemas = of.schemas().await?.into_iter();
    let schemas = schemas.filter(|(name, _)| !name.starts_with(HUB));
    let table = |(name, schema): (String, _)| {
        let table = table_of(&name, &schema);
        (name, table)
    };
    Ok(schemas.map(table).collect())
}

async fn names(of: &dyn Bulk) -> Result<BTreeSet<String>, StoreError> {
    Ok(of.schemas().await?.into_keys().collect())
}

pub(super) fn bulk<'a>(
    store: &'a dyn Store,
    operation: &'static str,
) -> Result<&'a dyn Bulk, StoreError> {
    store.bulk().ok_or_else(|| {
        let message = "this store cannot be copied; the store of a hub is copied from its folder, while the hub is \
                       stopped: redb:FOLDER";
        StoreError::new(StoreErrorKind::Invalid, operation, "the store", message)
    })
}
