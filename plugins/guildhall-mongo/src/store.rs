//! [`MongoStore`]: the store over one database.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use guildhall_core::store::bulk::Bulk;
use guildhall_core::store::{
    Batch, BatchReach, Capabilities, Committed, Migrate, Page, Query, Row, RowId, Store,
    StoreError, StoreErrorKind, Table, Token, Tombstone, Write,
};
use guildhall_core::{BoxFuture, Env};
use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};

use crate::client::{Client, Sent};
use crate::config::Settings;
use crate::document::at;
use crate::fault::Fault;
use crate::seen::PROBE;
use crate::{prepare, read, write};

/// How long `prepare` may take: it may have to build indexes.
const PREPARE: Duration = Duration::from_secs(600);
/// Batches of one commit that are written at a time.
const OUT: usize = 16;
/// What a probe writes.
const PROBE_BYTES: usize = 16 << 10;

/// Rows as documents of a MongoDB server.
#[derive(Clone)]
pub struct MongoStore(Arc<Client>);

impl MongoStore {
    /// A store that connects at its first request.
    ///
    /// # Errors
    /// The options of the URL do not go together.
    pub fn new(env: &Env, settings: Settings) -> Result<Self, String> {
        Client::new(env, settings).map(Self)
    }

    pub(crate) fn of(client: Arc<Client>) -> Self {
        Self(client)
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.0
    }

    /// Runs a request that writes nothing: it is never unknown what it has done.
    pub(crate) async fn look<'w, T>(
        client: &Client,
        operation: &'static str,
        subject: &str,
        attempt: impl Fn(Sent) -> BoxFuture<'w, Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        let done = client.run(operation, subject, client.deadline, attempt).await;
        done.map_err(|error| match error.kind {
            StoreErrorKind::Unknown => StoreError { kind: StoreErrorKind::Unavailable, ..error },
            _ => error,
        })
    }
}

impl std::fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MongoStore").field(&self.0.database.name()).finish()
    }
}

async fn commit_one(client: &Client, batch: &Batch) -> Result<Committed, StoreError> {
    for op in &batch.ops {
        if let Write::Create(fields) | Write::Update(fields) = &op.write {
            read::refuse_nan(fields, &op.row)?;
        }
    }
    let subject = batch.ops.first().map_or_else(String::new, |op| op.row.to_string());
    let attempts = client.run("commit", &subject, client.deadline, |sent| {
        Box::pin(async move {
            let seen = client.seen().await?;
            write::commit(client, seen, batch, &sent).await
        })
    });
    attempts.await
}

async fn commit(client: &Client, batches: &[Batch]) -> Vec<Result<Committed, StoreError>> {
    let mut done = Vec::with_capacity(batches.len());
    while done.len() < batches.len() {
        // As many as are of different rows: those of one row are in their order.
        let mut rows = std::collections::BTreeSet::new();
        let left = &batches[done.len()..];
        let fits = |batch: &&Batch| batch.ops.iter().all(|op| rows.insert(at(&op.row)));
        let count = left.iter().take_while(fits).count().max(1);
        let mut some = Vec::<BoxFuture<'_, _>>::with_capacity(count);
        for batch in &left[..count] {
            some.push(Box::pin(commit_one(client, batch)));
        }
        done.extend(stream::iter(some).buffered(OUT).collect::<Vec<_>>().await);
    }
    done
}

impl Store for MongoStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { batch: BatchReach::Row, unique: false, order: true, durable: true }
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (client, tables) = (Arc::clone(&self.0), tables.to_vec());
        Box::pin(self.0.ask("prepare", async move {
            let attempts = client.run("prepare", client.database.name(), PREPARE, |_| {
                Box::pin(async {
                    let seen = prepare::prepare(&client.database, &tables, migrate).await?;
                    client.set_seen(seen);
                    Ok(())
                })
            });
            attempts.await
        }))
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        let (client, rows) = (Arc::clone(&self.0), rows.to_vec());
        Box::pin(self.0.ask("claim", async move {
            let subject = rows.first().map_or_else(String::new, ToString::to_string);
            let attempts = client.run("claim", &subject, client.deadline, |sent| {
                let (client, rows, by) = (&client, &rows, &by);
                Box::pin(async move {
                    let seen = client.seen().await?;
                    write::claim(client, seen, rows, by, &sent).await
                })
            });
            attempts.await
        }))
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        let (client, rows) = (Arc::clone(&self.0), rows.to_vec());
        Box::pin(self.0.ask("read", async move {
            let subject = rows.first().map_or_else(String::new, ToString::to_string);
            let attempts = Self::look(&client, "read", &subject, |_| {
                Box::pin(async {
                    let seen = client.seen().await?;
                    read::rows(&client.database, &seen, &rows).await
                })
            });
            attempts.await
        }))
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            let (client, count) = (Arc::clone(&self.0), batches.len());
            let done = self.0.ask("commit", async move { Ok(commit(&client, &batches).await) });
            done.await.unwrap_or_else(|error| vec![Err(error); count])
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        let (client, query) = (Arc::clone(&self.0), query.clone());
        Box::pin(self.0.ask("query", async move {
            let attempts = Self::look(&client, "query", query.table.name, |_| {
                Box::pin(async {
                    let seen = client.newest_seen().await?;
                    read::query(&client.database, seen, &query).await
                })
            });
            attempts.await
        }))
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        let (client, after) = (Arc::clone(&self.0), after.cloned());
        Box::pin(self.0.ask("tombstones", async move {
            let attempts = Self::look(&client, "tombstones", table.name, |_| {
                Box::pin(read::tombstones(&client.database, table, after.as_ref(), limit))
            });
            attempts.await
        }))
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        Some(self)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let client = Arc::clone(&self.0);
        Box::pin(self.0.ask("probe", async move {
            let bytes = Binary { subtype: BinarySubtype::Generic, bytes: vec![0; PROBE_BYTES] };
            let attempts = Self::look(&client, "probe", PROBE, |_| {
                let probe = doc! { "_id": 1, "bytes": bytes.clone() };
                Box::pin(async {
                    let probes = client.database.collection::<Document>(PROBE);
                    let written = probes.replace_one(doc! { "_id": 1 }, probe).upsert(true).await;
                    written.map(drop).map_err(|error| Fault::of_write(&error))
                })
            });
            attempts.await
        }))
    }
}
