//! [`StoreLayer`]: a store around another one, which changes some of what passes.

use std::sync::Arc;

use super::error::StoreError;
use super::query::{Page, Query};
use super::row::{Batch, Committed, Row, RowId, Token, Tombstone};
use super::schema::Migrate;
use super::table::Table;
use super::{Capabilities, Store};
use crate::BoxFuture;

/// A store that passes everything to another one, unless it says otherwise. Whoever implements this has a [`Store`].
///
/// ```
/// use std::sync::Arc;
///
/// use guildhall_core::BoxFuture;
/// use guildhall_core::store::{Store, StoreError, StoreLayer};
///
/// /// A store that logs what it is asked.
/// struct Logged(Arc<dyn Store>);
///
/// impl StoreLayer for Logged {
///     fn inner(&self) -> Arc<dyn Store> {
///         Arc::clone(&self.0)
///     }
///
///     fn around<'a, T: Send + 'static>(
///         &'a self,
///         operation: &'static str,
///         request: BoxFuture<'static, Result<T, StoreError>>,
///     ) -> BoxFuture<'a, Result<T, StoreError>> {
///         tracing::info!(operation, "a request to the store");
///         request
///     }
/// }
/// ```
pub trait StoreLayer: Send + Sync + 'static {
    /// The store that does the work.
    fn inner(&self) -> Arc<dyn Store>;

    /// Everything but `commit` passes here: `operation` is the name of the store's method, `request` does it.
    fn around<'a, T: Send + 'static>(
        &'a self,
        operation: &'static str,
        request: BoxFuture<'static, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let _for_layers_that_differ_by_it = operation;
        request
    }

    /// [`Store::commit`] passes here: each batch has its own result.
    fn around_commit(
        &self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'_, Vec<Result<Committed, StoreError>>> {
        let inner = self.inner();
        Box::pin(async move { inner.commit(batches).await })
    }
}

impl<L: StoreLayer> Store for L {
    fn capabilities(&self) -> Capabilities {
        self.inner().capabilities()
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (inner, tables) = (self.inner(), tables.to_vec());
        self.around("prepare", Box::pin(async move { inner.prepare(&tables, migrate).await }))
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        let (inner, rows) = (self.inner(), rows.to_vec());
        self.around("claim", Box::pin(async move { inner.claim(&rows, by).await }))
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        let (inner, rows) = (self.inner(), rows.to_vec());
        self.around("read", Box::pin(async move { inner.read(&rows).await }))
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        self.around_commit(batches)
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        let (inner, query) = (self.inner(), query.clone());
        self.around("query", Box::pin(async move { inner.query(&query).await }))
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        let (inner, after) = (self.inner(), after.cloned());
        let request = async move { inner.tombstones(table, after.as_ref(), limit).await };
        self.around("tombstones", Box::pin(request))
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let inner = self.inner();
        self.around("probe", Box::pin(async move { inner.probe().await }))
    }
}
