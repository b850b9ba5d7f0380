//! A store with faults.

use std::sync::Arc;

use guildhall_core::BoxFuture;
use guildhall_core::store::{
    Batch, Capabilities, Committed, Migrate, Page, Query, Row, RowId, Store, StoreError,
    StoreErrorKind, Table, Token, Tombstone,
};

use super::{Does, Lost, Way};

/// The store as one app sees it. Its requests own their arguments, because one that is late outlives its caller.
pub(crate) struct FaultyStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) way: Arc<Way>,
}

/// A kind of error for each way of getting no answer: `Unknown` is of changes alone.
fn no_answer(operation: &'static str, lost: Lost) -> StoreError {
    let (kind, why) = match lost {
        Lost::Unavailable => (StoreErrorKind::Unavailable, "the request has not arrived"),
        Lost::Unknown => (StoreErrorKind::Unknown, "the answer has not arrived"),
        Lost::Full => (StoreErrorKind::Unavailable, "the disk is full"),
    };
    StoreError::new(kind, operation, "the simulated store", why)
}

impl FaultyStore {
    fn carry<T: Send + 'static>(
        &self,
        does: Does,
        operation: &'static str,
        request: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        Box::pin(async move {
            let result = self.way.carry(does, request).await;
            result.unwrap_or_else(|lost| Err(no_answer(operation, lost)))
        })
    }
}

impl Store for FaultyStore {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (store, tables) = (Arc::clone(&self.store), tables.to_vec());
        let request = async move { store.prepare(&tables, migrate).await };
        self.carry(Does::Changes, "prepare", request)
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        let (store, rows) = (Arc::clone(&self.store), rows.to_vec());
        self.carry(Does::Changes, "claim", async move { store.claim(&rows, by).await })
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        let (store, rows) = (Arc::clone(&self.store), rows.to_vec());
        self.carry(Does::Reads, "read", async move { store.read(&rows).await })
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        let (store, count) = (Arc::clone(&self.store), batches.len());
        Box::pin(async move {
            let request = async move { store.commit(batches).await };
            let results = self.way.carry(Does::Changes, request).await;
            results.unwrap_or_else(|lost| vec![Err(no_answer("commit", lost)); count])
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        let (store, query) = (Arc::clone(&self.store), query.clone());
        self.carry(Does::Reads, "query", async move { store.query(&query).await })
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        let (store, after) = (Arc::clone(&self.store), after.cloned());
        let request = async move { store.tombstones(table, after.as_ref(), limit).await };
        self.carry(Does::Reads, "tombstones", request)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let store = Arc::clone(&self.store);
        self.carry(Does::Reads, "probe", async move { store.probe().await })
    }
}
