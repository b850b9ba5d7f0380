//! The first half of a request that writes: rows as they are, and reserved places for those that are not there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guildhall_core::Env;
use guildhall_core::store::{LeaseId, RowId};
use mongodb::Database;
use mongodb::bson::Document;

use crate::client::Client;
use crate::document::{At, Stored, at, reserved};
use crate::fault::Fault;
use crate::ground::Ground;
use crate::read::{now_ms, read_rows};
use crate::seen::Seen;
use crate::work::Work;

/// Places that are reserved together.
const RESERVED_TOGETHER: usize = 500;

/// What a request has to know beside its rows.
pub(crate) struct Needs {
    /// It makes rows that are not there.
    pub(crate) makes: bool,
    /// Leases whose floors matter to rows that are not there.
    pub(crate) leases: BTreeSet<LeaseId>,
    /// It asks how long tombstones are kept.
    pub(crate) clock: bool,
}

/// Reads rows, and what the core may ask beside them.
pub(crate) async fn begin(
    client: &Client,
    seen: Arc<Seen>,
    ids: &[&RowId],
    needs: &Needs,
) -> Result<Work, Fault> {
    let database = &client.database;
    let (mut found, mut places) = (BTreeMap::new(), BTreeMap::new());
    for (at, stored) in read_rows(database, &seen, ids).await? {
        match stored {
            Stored::Row(kept) => drop(found.insert(at, kept)),
            Stored::Place(mark) => drop(places.insert(at, mark)),
        }
    }
    let missing: Vec<&RowId> =
        ids.iter().copied().filter(|id| !found.contains_key(&at(id))).collect();
    let mut ground = Ground::default();
    if needs.makes && !missing.is_empty() {
        let free: Vec<_> =
            missing.iter().copied().filter(|id| !places.contains_key(&at(id))).collect();
        places.extend(reserve(&client.env, database, &free).await?);
        ground = load_ground(database, &missing, &needs.leases).await?;
    }
    let now_ms = if needs.clock { now_ms(database).await? } else { 0 };
    let (changed, raised, raised_removed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    Ok(Work { seen, now_ms, found, reserved: places, ground, changed, raised, raised_removed })
}

/// Reads what removed rows of these tables and leases have left.
pub(crate) async fn load_ground(
    database: &Database,
    ids: &[&RowId],
    leases: &BTreeSet<LeaseId>,
) -> Result<Ground, Fault> {
    let tables = ids.iter().map(|id| id.table.name).collect();
    Ground::load(database, leases, &tables).await
}

/// Takes the places of rows.
async fn reserve(
    env: &Env,
    database: &Database,
    ids: &[&RowId],
) -> Result<BTreeMap<At, i64>, Fault> {
    // One for all, so that they are made together.
    let mark = env.random_below(u64::MAX).cast_signed();
    let mut marks = BTreeMap::new();
    let mut tables = BTreeMap::<&str, Vec<Document>>::new();
    for id in ids {
        marks.insert(at(id), mark);
        tables.entry(id.table.name).or_default().push(reserved(id, mark));
    }
    for (table, documents) in tables {
        let rows = database.collection::<Document>(table);
        for some in documents.chunks(RESERVED_TOGETHER) {
            let inserted = match some {
                [one] => rows.insert_one(one).await.map(drop),
                some => rows.insert_many(some).ordered(false).await.map(drop),
            };
            // No row is made by it.
            inserted.map_err(|error| Fault::of_write(&error).nothing_is_written())?;
        }
    }
    Ok(marks)
}
