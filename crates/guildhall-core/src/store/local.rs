//! Atomic claims and batches over rows of this process, with their indexes.

use super::error::{StoreError, StoreErrorKind};
use super::fence::{self, Ground, Written};
use super::index;
use super::row::{Batch, Committed, Floor, LeaseId, Op, Row, RowId, Token, Write};
use super::rows::{Kept, Rows};

/// Claims all of `ids` or none.
///
/// # Errors
/// Those of [`fence::claim`], and `Invalid` when a row is named twice.
pub fn claim(rows: &mut impl Rows, ids: &[RowId], by: &Token) -> Result<Vec<Row>, StoreError> {
    check_claim(ids)?;
    let mut claimed = Vec::with_capacity(ids.len());
    for id in ids {
        let before = rows.get(id)?;
        let ground = match &before {
            Some(_) => Ground::default(),
            None => ground(rows, id, Some(&by.lease))?,
        };
        let was = before.as_ref().map(|kept| kept.row.exists);
        let over_ms = before.as_ref().map_or(0, |kept| kept.over_ms);
        let row = fence::claim(before.map(|kept| kept.row), &ground, id, by)?;
        claimed.push((was, Kept { row, over_ms }));
    }
    for (id, (was, kept)) in ids.iter().zip(&claimed) {
        rows.put(id, *was, kept.clone())?;
    }
    Ok(claimed.into_iter().map(|(_, kept)| kept.row).collect())
}

/// What there is where there is no row.
fn ground(rows: &impl Rows, id: &RowId, lease: Option<&LeaseId>) -> Result<Ground, StoreError> {
    let floor = lease.map_or(Ok(None), |lease| rows.floor(lease))?;
    Ok(Ground { floor, version: rows.removed_version(id.table.name)? })
}

/// Writes all of a batch or nothing.
///
/// # Errors
/// Those of [`fence::write`]; `Exists` for a taken unique value; `Invalid` for a batch that is empty, names a row twice or
/// holds a value that does not fit its column.
pub fn commit(rows: &mut impl Rows, batch: &Batch) -> Result<Committed, StoreError> {
    check_batch(batch)?;
    let mut versions = Vec::with_capacity(batch.ops.len());
    let mut changes = Vec::with_capacity(batch.ops.len());
    let mut removed = Vec::new();
    for op in &batch.ops {
        let before = rows.get(&op.row)?;
        let ground = match &before {
            Some(_) => Ground::default(),
            None => ground(rows, &op.row, None)?,
        };
        refuse_kept(rows, op, before.as_ref())?;
        let before = before.map(|kept| kept.row);
        match fence::write(before.clone(), &ground, op)? {
            Written::Changed(after) => {
                versions.push(after.version);
                changes.push((&op.row, before, after));
            }
            Written::Removed(floor, version) => {
                versions.push(version);
                removed.push((&op.row, floor, version));
            }
            Written::Repeated(version) => versions.push(version),
        }
    }
    // A batch is there as a whole or not at all: one half of it alone is some other write of the same owner.
    let new = changes.len() + removed.len();
    if new > 0 && new < batch.ops.len() {
        let row_epoch = changes.iter().find_map(|(_, _, row)| Some(row.token.as_ref()?.epoch));
        let kind = StoreErrorKind::Refused { row_epoch: row_epoch.unwrap_or(0) };
        let message =
            "some of its rows have the next version and others do not; end this activation";
        return Err(StoreError::new(kind, "commit", "batch", message));
    }
    index::follow(rows, &changes)?;
    let now_ms = rows.now_ms();
    let keeps = |id: &RowId| batch.ops.iter().find(|op| std::ptr::eq(&op.row, id));
    for (id, before, row) in changes {
        let keep_ms = keeps(id).filter(|_| !row.exists).map_or(0, |op| op.keep_ms);
        let over_ms = if keep_ms == 0 { 0 } else { now_ms.saturating_add(keep_ms) };
        rows.put(id, before.map(|before| before.exists), Kept { row, over_ms })?;
    }
    for (id, floor, version) in removed {
        rows.remove(id)?;
        if let Some((lease, floor)) = floor {
            let raised = Floor::raised(rows.floor(&lease)?, floor);
            rows.set_floor(&lease, raised)?;
        }
        let table = id.table.name;
        // One more than its own: a late write of its owner would take its token and the next version for itself (rule 10).
        let version = version.saturating_add(1).max(rows.removed_version(table)?);
        rows.set_removed_version(table, version)?;
    }
    Ok(Committed { versions })
}

/// Checks a claim without any rows: what a store that decides in a statement of its own calls first.
///
/// # Errors
/// `Invalid` when a row is named twice.
pub fn check_claim(ids: &[RowId]) -> Result<(), StoreError> {
    refuse_twice("claim", ids.iter())
}

/// Checks a batch without any rows, as [`check_claim`] does a claim.
///
/// # Errors
/// `Invalid` for a batch that is empty, names a row twice or holds a value that does not fit its column.
pub fn check_batch(batch: &Batch) -> Result<(), StoreError> {
    if batch.ops.is_empty() {
        return Err(invalid("commit", "batch", "it has no writes"));
    }
    refuse_twice("commit", batch.ops.iter().map(|op| &op.row))?;
    batch.ops.iter().try_for_each(check_values)
}

/// A tombstone stays as long as somebody may ask for its records.
fn refuse_kept(rows: &impl Rows, op: &Op, before: Option<&Kept>) -> Result<(), StoreError> {
    let left = before.map_or(0, |kept| kept.over_ms.saturating_sub(rows.now_ms()));
    if op.write != Write::Forget || left == 0 {
        return Ok(());
    }
    Err(invalid("commit", &op.row, format!("its tombstone is kept for another {left} ms")))
}

fn check_values(op: &Op) -> Result<(), StoreError> {
    let (Write::Create(fields) | Write::Update(fields)) = &op.write else {
        return Ok(());
    };
    for (number, value) in fields {
        let message = match op.row.table.column(*number) {
            Some(column) if value.fits(column.kind) => continue,
            Some(column) => {
                format!("a {:?} column `{}` cannot hold {value:?}", column.kind, column.name)
            }
            None => format!("the table has no column {number}"),
        };
        return Err(invalid("commit", &op.row, message));
    }
    Ok(())
}

fn refuse_twice<'a>(
    operation: &'static str,
    ids: impl Iterator<Item = &'a RowId>,
) -> Result<(), StoreError> {
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        if !seen.insert((id.table.name, &id.key, &id.sub)) {
            return Err(invalid(operation, id, "the row is named twice; join the writes"));
        }
    }
    Ok(())
}

fn invalid(
    operation: &'static str,
    subject: impl ToString,
    message: impl Into<String>,
) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, operation, subject, message)
}
