//! [`Ground`]: what removed rows have left, of leases and of tables, for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use guildhall_core::store::bulk::Remains;
use guildhall_core::store::{Floor, LeaseId};
use mongodb::bson::{Document, doc};
use mongodb::{Collection, Database};

use crate::document::holder;
use crate::fault::Fault;
use crate::seen::GROUND;
use crate::values::{int, ordered, text, unordered};

/// What removed rows have left.
#[derive(Debug, Default)]
pub(crate) struct Ground {
    pub(crate) floors: BTreeMap<LeaseId, Floor>,
    /// By table: above which version rows are made anew.
    pub(crate) removed: BTreeMap<String, u64>,
}

fn of(database: &Database) -> Collection<Document> {
    database.collection(GROUND)
}

fn id_of_lease(lease: &str) -> String {
    format!("lease {lease}")
}

fn id_of_table(table: &str) -> String {
    format!("table {table}")
}

impl Ground {
    /// Reads what there is of these.
    pub(crate) async fn load(
        database: &Database,
        leases: &BTreeSet<LeaseId>,
        tables: &BTreeSet<&'static str>,
    ) -> Result<Self, Fault> {
        let leases_by_id: BTreeMap<String, &LeaseId> =
            leases.iter().map(|lease| (id_of_lease(lease), lease)).collect();
        let ids = leases_by_id.keys().cloned().chain(tables.iter().map(|table| id_of_table(table)));
        let ids: Vec<String> = ids.collect();
        let found = of(database).find(doc! { "_id": { "$in": ids } }).await;
        let found = found.map_err(|error| Fault::of_read(&error))?;
        let found: Vec<Document> =
            found.try_collect().await.map_err(|error| Fault::of_read(&error))?;
        let mut ground = Self::default();
        for document in &found {
            let damaged = |why| Fault::damaged(GROUND, why);
            let id = text(document, "_id").map_err(damaged)?;
            if let Some(lease) = leases_by_id.get(&id) {
                let floor = read_floor(document).map_err(damaged)?;
                ground.floors.insert(Arc::clone(lease), floor);
            } else if let Some(table) = id.strip_prefix("table ") {
                let version = unordered(int(document, "version").map_err(damaged)?);
                ground.removed.insert(table.to_owned(), version);
            }
        }
        Ok(ground)
    }

    /// Raises a floor, if it is as it was read.
    pub(crate) async fn raise_floor(
        &self,
        database: &Database,
        lease: &LeaseId,
        to: &Floor,
    ) -> Result<(), Fault> {
        let id = id_of_lease(lease);
        let Some(before) = self.floors.get(lease) else {
            let mut new = doc! { "_id": id };
            new.extend(floor(to));
            let inserted = of(database).insert_one(new).await;
            return inserted.map(drop).map_err(|error| Fault::of_write(&error));
        };
        if before == to {
            return Ok(());
        }
        let mut guard = doc! { "_id": id };
        guard.extend(floor(before));
        let raised = of(database).update_one(guard, doc! { "$set": floor(to) }).await;
        match raised.map_err(|error| Fault::of_write(&error))?.matched_count {
            1 => Ok(()),
            _ => Err(Fault::Conflict),
        }
    }
}

/// All that removed rows have left.
pub(crate) async fn remains(database: &Database) -> Result<Remains, Fault> {
    let found = of(database).find(doc! {}).await.map_err(|error| Fault::of_read(&error))?;
    let found: Vec<Document> = found.try_collect().await.map_err(|error| Fault::of_read(&error))?;
    let mut remains = Remains::default();
    for document in &found {
        let damaged = |why| Fault::damaged(GROUND, why);
        let id = text(document, "_id").map_err(damaged)?;
        if let Some(lease) = id.strip_prefix(&id_of_lease("")) {
            remains.floors.insert(lease.into(), read_floor(document).map_err(damaged)?);
        } else if let Some(table) = id.strip_prefix(&id_of_table("")) {
            let version = unordered(int(document, "version").map_err(damaged)?);
            remains.removed.insert(table.to_owned(), version);
        }
    }
    Ok(remains)
}

/// Raises the version of a table.
pub(crate) async fn raise_removed(
    database: &Database,
    table: &str,
    version: u64,
) -> Result<(), Fault> {
    let raised = doc! { "$max": { "version": ordered(version) } };
    let ground = of(database);
    let raised = ground.update_one(doc! { "_id": id_of_table(table) }, raised).upsert(true).await;
    raised.map(drop).map_err(|error| Fault::of_write(&error))
}

fn floor(floor: &Floor) -> Document {
    doc! {
        "epoch": ordered(floor.epoch),
        "app": floor.holder.app.to_string(),
        "incarnation": floor.holder.incarnation.0.cast_signed(),
    }
}

fn read_floor(document: &Document) -> Result<Floor, String> {
    Ok(Floor { epoch: unordered(int(document, "epoch")?), holder: holder(document)? })
}
