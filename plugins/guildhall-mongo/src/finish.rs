//! The second half of a request that writes: each row is written only if it is as it was read.

use std::sync::atomic::Ordering;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use guildhall_core::BoxFuture;
use guildhall_core::store::RowId;
use mongodb::Database;
use mongodb::bson::{Document, doc};

use crate::client::Sent;
use crate::document::{at, change, id_of};
use crate::fault::Fault;
use crate::ground;
use crate::work::Work;

/// Writes of one request that are out at a time.
const OUT: usize = 16;
/// Rows that are changed together.
const CHANGED_TOGETHER: usize = 1000;

/// Writes what has changed.
pub(crate) async fn finish(
    database: &Database,
    work: &Work,
    ids: &[&RowId],
    sent: &Sent,
) -> Result<(), Fault> {
    if work.changed.is_empty() {
        return Ok(());
    }
    sent.store(true, Ordering::Release);
    for (lease, to) in &work.raised {
        work.ground.raise_floor(database, lease, to).await?;
    }
    for (table, version) in &work.raised_removed {
        ground::raise_removed(database, table, *version).await?;
    }
    let mut writes = Vec::<BoxFuture<'_, Result<(), Fault>>>::new();
    for change in changes(work, ids)? {
        writes.push(Box::pin(change.write(database)));
    }
    stream::iter(writes).buffer_unordered(OUT).try_collect::<Vec<()>>().await.map(drop)
}

/// The same change of documents of one table that were read alike: the rows that a claim makes are many.
struct Change {
    table: &'static str,
    ids: Vec<String>,
    as_read: Document,
    /// `None` removes it.
    to: Option<Document>,
}

fn changes(work: &Work, ids: &[&RowId]) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::<Change>::new();
    for id in ids {
        let (at, table) = (at(id), id.table.name);
        let Some(after) = work.changed.get(&at) else { continue };
        let before = work.found.get(&at).map(|kept| &kept.row);
        let as_read = match (before, work.reserved.get(&at)) {
            (Some(before), _) => doc! { "guildhall_version": before.version.cast_signed() },
            (None, Some(mark)) => doc! { "guildhall_mark": *mark },
            // Only claims and creations make rows, and they have reserved the place.
            (None, None) => return Err(Fault::Conflict),
        };
        // A claim that the row has already.
        if after.as_ref().is_some_and(|after| before == Some(&after.row)) {
            continue;
        }
        let to = after.as_ref().map(|after| change(&work.seen.columns(table), id, before, after));
        let id = id_of(id);
        match changes.last_mut() {
            Some(last)
                if last.table == table
                    && last.as_read == as_read
                    && last.to == to
                    && last.ids.len() < CHANGED_TOGETHER =>
            {
                last.ids.push(id);
            }
            _ => changes.push(Change { table, ids: vec![id], as_read, to }),
        }
    }
    Ok(changes)
}

impl Change {
    /// Makes, changes or removes the rows that are as they were read; it is a conflict if some are not.
    async fn write(self, database: &Database) -> Result<(), Fault> {
        let rows = database.collection::<Document>(self.table);
        let mut which = self.as_read;
        match &*self.ids {
            [one] => which.insert("_id", one),
            some => which.insert("_id", doc! { "$in": some }),
        };
        let done = match self.to {
            Some(to) => rows.update_many(which, to).await.map(|done| done.matched_count),
            None => rows.delete_many(which).await.map(|done| done.deleted_count),
        };
        let done = done.map_err(|error| Fault::of_write(&error))?;
        if usize::try_from(done) == Ok(self.ids.len()) { Ok(()) } else { Err(Fault::Conflict) }
    }
}
