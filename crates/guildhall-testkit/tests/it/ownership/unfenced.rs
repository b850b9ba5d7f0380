//! [`Unfenced`]: a store in which the last write wins, whoever writes.

use guildhall::BoxFuture;
use guildhall::store::{
    Batch, Capabilities, Committed, Guard, Migrate, Page, Query, Row, RowId, Store, StoreError,
    Table, Token, Tombstone,
};
use guildhall_core::store::memory::MemoryStore;

#[derive(Default)]
pub(super) struct Unfenced(MemoryStore);

impl Unfenced {
    /// Makes every guard hold: the writer says what the row has.
    async fn unguarded(&self, mut batch: Batch) -> Batch {
        for op in &mut batch.ops {
            let rows = self.0.read(std::slice::from_ref(&op.row)).await.unwrap();
            if let Some(Row { token: Some(token), version, .. }) = rows.into_iter().flatten().next()
            {
                op.guard = Guard::Owner(token, version);
            }
        }
        batch
    }
}

impl Store for Unfenced {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn prepare<'a>(
        &'a self,
        tables: &'a [&'static Table],
        migrate: Migrate,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.prepare(tables, migrate)
    }

    fn claim<'a>(
        &'a self,
        rows: &'a [RowId],
        by: Token,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.0.claim(rows, by)
    }

    fn read<'a>(
        &'a self,
        rows: &'a [RowId],
    ) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        self.0.read(rows)
    }

    fn commit<'a>(
        &'a self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'a, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            let mut unguarded = Vec::new();
            for batch in batches {
                unguarded.push(self.unguarded(batch).await);
            }
            self.0.commit(unguarded).await
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.0.query(query)
    }

    fn tombstones<'a>(
        &'a self,
        table: &'static Table,
        after: Option<&'a Tombstone>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Tombstone>, StoreError>> {
        self.0.tombstones(table, after, limit)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.probe()
    }
}
