//! Whole rows of a server, for tools. A page is decided as a whole before its first row is written; each row is written on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guildhall_core::BoxFuture;
use guildhall_core::store::bulk::{self, BULK_ROWS_MAX, Bulk, Placed, Put, Remains};
use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Floor, LeaseId, RowId, StoreError, Table};
use mongodb::Database;
use mongodb::bson::doc;

use crate::begin::{Needs, begin};
use crate::client::{Client, Sent};
use crate::document::{GONE, ROW, SUB_ROW, id_of};
use crate::fault::Fault;
use crate::finish::finish;
use crate::ground::{self, Ground};
use crate::read;
use crate::seen::Seen;
use crate::store::MongoStore;

/// Floors that are raised within one deadline.
const RAISES: usize = 256;

impl Bulk for MongoStore {
    fn schemas(&self) -> BoxFuture<'_, Result<BTreeMap<String, Schema>, StoreError>> {
        let client = Arc::clone(self.client());
        Box::pin(self.client().ask("schemas", async move {
            let attempts = Self::look(&client, "schemas", client.database.name(), |_| {
                Box::pin(async { Ok(client.newest_seen().await?.schemas()) })
            });
            attempts.await
        }))
    }

    fn scan<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Placed>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Placed>, StoreError>> {
        let (client, limit) = (Arc::clone(self.client()), limit.min(BULK_ROWS_MAX));
        let after = after.map(|after| {
            let (key, sub) = after.place.clone();
            id_of(&RowId { table, key, sub })
        });
        Box::pin(self.client().ask("scan", async move {
            let attempts = Self::look(&client, "scan", table.name, |_| {
                Box::pin(async {
                    let seen = client.newest_seen().await?;
                    scan(&client.database, &seen, table, after.as_deref(), limit).await
                })
            });
            attempts.await
        }))
    }

    fn put<'a>(
        &'a self,
        table: &'static Table,
        puts: &'a [Put],
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        let (client, puts) = (Arc::clone(self.client()), puts.to_vec());
        Box::pin(self.client().ask("put", async move {
            for put in &puts {
                read::refuse_nan(&put.kept.row.fields, &put.id(table))?;
            }
            let attempts = client.run("put", table.name, client.deadline, |sent| {
                let (client, puts) = (&client, &puts);
                Box::pin(async move { put_rows(client, table, puts, &sent).await })
            });
            attempts.await
        }))
    }

    fn remains(&self) -> BoxFuture<'_, Result<Remains, StoreError>> {
        let client = Arc::clone(self.client());
        Box::pin(self.client().ask("remains", async move {
            let attempts = Self::look(&client, "remains", client.database.name(), |_| {
                Box::pin(ground::remains(&client.database))
            });
            attempts.await
        }))
    }

    fn raise<'a>(&'a self, remains: &'a Remains) -> BoxFuture<'a, Result<(), StoreError>> {
        let (client, remains) = (Arc::clone(self.client()), remains.clone());
        Box::pin(self.client().ask("raise", async move {
            let floors: Vec<_> = remains.floors.iter().collect();
            for floors in floors.chunks(RAISES) {
                let attempts = client.run("raise", client.database.name(), client.deadline, |_| {
                    Box::pin(raise_floors(&client.database, floors))
                });
                attempts.await?;
            }
            for (table, version) in &remains.removed {
                let attempts = client.run("raise", table, client.deadline, |_| {
                    Box::pin(ground::raise_removed(&client.database, table, *version))
                });
                attempts.await?;
            }
            Ok(())
        }))
    }
}

/// Rows and tombstones by `_id`; a reserved place is none.
async fn scan(
    database: &Database,
    seen: &Seen,
    table: &'static Table,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Placed>, Fault> {
    let mut filter = doc! { "guildhall_state": { "$in": [ROW, SUB_ROW, GONE] } };
    if let Some(after) = after {
        filter.insert("_id", doc! { "$gt": after });
    }
    let schema = seen.columns(table.name).schema;
    let found = read::find(database, table.name, filter, doc! { "_id": 1 }, limit).await?;
    let rows = found.iter().map(|document| {
        let (place, kept) = crate::document::read(&schema, document)
            .map_err(|why| Fault::damaged(table.name, why))?;
        Ok(Placed { place, kept })
    });
    rows.collect()
}

async fn put_rows(
    client: &Client,
    table: &'static Table,
    puts: &[Put],
    sent: &Sent,
) -> Result<usize, Fault> {
    let ids: Vec<RowId> = puts.iter().map(|put| put.id(table)).collect();
    let ids: Vec<&RowId> = ids.iter().collect();
    let needs = Needs { makes: true, leases: BTreeSet::new(), clock: false };
    let mut work = begin(client, client.newest_seen().await?, &ids, &needs).await?;
    let count = bulk::put(&mut work, table, puts)?;
    finish(&client.database, &work, &ids, sent).await?;
    Ok(count)
}

async fn raise_floors(database: &Database, floors: &[(&LeaseId, &Floor)]) -> Result<(), Fault> {
    let leases = floors.iter().map(|(lease, _)| Arc::clone(lease)).collect();
    let ground = Ground::load(database, &leases, &BTreeSet::new()).await?;
    for (lease, floor) in floors {
        let to = Floor::raised(ground.floors.get(*lease).cloned(), (*floor).clone());
        ground.raise_floor(database, lease, &to).await?;
    }
    Ok(())
}
