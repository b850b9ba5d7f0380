//! [`SqlStore`]: the store over one SQL schema.

use std::sync::Arc;

use guildhall_core::store::bulk::Bulk;
use guildhall_core::store::{
    Batch, BatchReach, Capabilities, Committed, Migrate, Page, Query, Row, RowId, Store,
    StoreError, StoreErrorKind, Table, Token, Tombstone,
};
use guildhall_core::{BoxFuture, Env};

use crate::request::{Requests, work};
use crate::session::Database;

/// Rows in tables of an SQL server.
///
/// Each request runs in a task: it ends by itself when its caller goes away, at its deadline at the latest. A connection that breaks is
/// replaced, and the request is sent again where nothing can have been written; a commit without an answer is `Unknown`.
pub struct SqlStore<D: Database>(Arc<Requests<D>>);

impl<D: Database> SqlStore<D> {
    /// A store that connects at its first request.
    pub fn new(env: &Env, settings: D::Settings) -> Self {
        Self::of(D::client(env, settings))
    }

    /// A store that shares its connections with other seams.
    pub fn of(client: Arc<D::Client>) -> Self {
        Self(Arc::new(Requests::new(client)))
    }

    pub(crate) fn requests(&self) -> &Arc<Requests<D>> {
        &self.0
    }

    /// Runs a request in a task of its own.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let task = D::env(&self.0.client).spawn(D::TASK, request);
        task.await.ok().flatten().ok_or_else(|| self.ended(operation))?
    }

    fn ended(&self, operation: &'static str) -> StoreError {
        let message = "the app has ended; whether the write is in the database is unknown";
        StoreError::new(StoreErrorKind::Unknown, operation, &self.0.space.0, message)
    }
}

impl<D: Database> Clone for SqlStore<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Database> std::fmt::Debug for SqlStore<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SqlStore").field(&self.0.space.0).finish()
    }
}

impl<D: Database> Store for SqlStore<D> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { batch: BatchReach::Any, unique: true, order: true, durable: true }
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (requests, tables) = (Arc::clone(&self.0), tables.to_vec());
        Box::pin(self.ask("prepare", async move { requests.prepare(&tables, migrate).await }))
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        let (requests, rows) = (Arc::clone(&self.0), rows.to_vec());
        Box::pin(self.ask("claim", async move { requests.claim(&rows, &by).await }))
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        let (requests, rows) = (Arc::clone(&self.0), rows.to_vec());
        Box::pin(self.ask("read", async move { requests.read(&rows).await }))
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            let (requests, env) = (&self.0, D::env(&self.0.client));
            let deadline = env.now() + D::deadline(&requests.client);
            let (outcomes, is_more) = requests.commits.push(batches, deadline, &requests.space.0);
            if is_more {
                env.spawn(D::TASK, work(Arc::clone(requests)));
            }
            let mut done = Vec::with_capacity(outcomes.len());
            for outcome in outcomes {
                done.push(outcome.await.unwrap_or_else(|_| Err(self.ended("commit"))));
            }
            done
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        let (requests, query) = (Arc::clone(&self.0), query.clone());
        Box::pin(self.ask("query", async move { requests.query(&query).await }))
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        let (requests, after) = (Arc::clone(&self.0), after.cloned());
        Box::pin(self.ask("tombstones", async move {
            requests.tombstones(table, after.as_ref(), limit).await
        }))
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let requests = Arc::clone(&self.0);
        Box::pin(self.ask("probe", async move { requests.probe().await }))
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        Some(self)
    }
}
