//! [`StoreLayer`]: a store that wraps another one and changes part of what passes.

use super::error::StoreError;
use super::query::{Page, Query};
use super::row::{Batch, Committed, Row, RowId, Token, Tombstone};
use super::schema::Migrate;
use super::table::Table;
use super::{Capabilities, Store};
use crate::BoxFuture;

/// A store that passes every request to another store, unless it overrides a method. A type with this trait is a [`Store`].
///
/// Requests borrow their arguments. A layer whose requests outlive their callers implements [`Store`] itself.
///
/// ```
/// use std::sync::Arc;
///
/// use guildhall_core::BoxFuture;
/// use guildhall_core::store::{Store, StoreError, StoreLayer};
///
/// /// A store that logs its requests.
/// struct Logged(Arc<dyn Store>);
///
/// impl StoreLayer for Logged {
///     fn inner(&self) -> &dyn Store {
///         &*self.0
///     }
///
///     fn around<'a, T: Send + 'static>(
///         &'a self,
///         operation: &'static str,
///         request: BoxFuture<'a, Result<T, StoreError>>,
///     ) -> BoxFuture<'a, Result<T, StoreError>> {
///         tracing::info!(operation, "store request sent");
///         request
///     }
/// }
/// ```
pub trait StoreLayer: Send + Sync + 'static {
    /// The store that does the work.
    fn inner(&self) -> &dyn Store;

    /// Passes every request but `commit`: `operation` is the name of the store's method, `request` executes it when it is polled.
    fn around<'a, T: Send + 'static>(
        &'a self,
        operation: &'static str,
        request: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let _for_layers_that_differ_by_it = operation;
        request
    }

    /// Passes [`Store::commit`]: each batch has its own result.
    fn around_commit(
        &self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'_, Vec<Result<Committed, StoreError>>> {
        self.inner().commit(batches)
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
        self.around("prepare", self.inner().prepare(tables, migrate))
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.around("claim", self.inner().claim(rows, by))
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        self.around("read", self.inner().read(rows))
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        self.around_commit(batches)
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.around("query", self.inner().query(query))
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        self.around("tombstones", self.inner().tombstones(table, after, limit))
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.around("probe", self.inner().probe())
    }
}
