//! [`Unfenced`]: a store in which the last write wins, whoever writes.

use guildhall::BoxFuture;
use guildhall::store::{Batch, Committed, Guard, Row, Store, StoreError, StoreLayer};
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

impl StoreLayer for Unfenced {
    fn inner(&self) -> &dyn Store {
        &self.0
    }

    fn around_commit(
        &self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'_, Vec<Result<Committed, StoreError>>> {
        Box::pin(async move {
            let mut unguarded = Vec::new();
            for batch in batches {
                unguarded.push(self.unguarded(batch).await);
            }
            self.0.commit(unguarded).await
        })
    }
}
