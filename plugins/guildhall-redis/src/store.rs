//! [`RedisStore`]: the [`Store`] seam. Claims and batches are decided by scripts on the server, each in one round trip.

mod columns;
mod row;
mod space;
mod prepare;
mod build;
mod told;
mod write;
mod read;
mod bulk;

use std::sync::Arc;

use guildhall_core::BoxFuture;
use guildhall_core::store::bulk::Bulk;
use guildhall_core::store::{
    Batch, BatchReach, Capabilities, Committed, Migrate, Page, Query, Row, RowId, Store,
    StoreError, Table, Token, Tombstone,
};

use crate::client::{Again, Client};
use crate::config::Persistence;
use crate::script::Args;
use space::Space;

/// What a probe writes.
const PROBE_BYTES: usize = 16 << 10;

/// Rows in hashes of a Redis server.
pub struct RedisStore(Space);

impl RedisStore {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self(Space::new(client))
    }
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisStore").field(&self.0.client.settings).finish()
    }
}

impl Store for RedisStore {
    fn capabilities(&self) -> Capabilities {
        let durable = self.0.client.persistence() != Persistence::None;
        Capabilities { batch: BatchReach::Any, unique: true, order: true, durable }
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.0.prepare(tables, migrate))
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move { self.0.claim(rows, &by).await })
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        Box::pin(self.0.read(rows))
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move { self.0.commit(&batches).await })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(self.0.query(query))
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        Box::pin(self.0.tombstones(table, after, limit))
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut args = Args::default();
            args.text(self.0.prefix()).bytes(vec![b'.'; PROBE_BYTES]);
            let done = self.0.client.call(&self.0.scripts.probe, &args, Again::Yes, true).await;
            done.map(drop).map_err(|fault| fault.in_store("probe", self.0.prefix()))
        })
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        Some(self)
    }
}
