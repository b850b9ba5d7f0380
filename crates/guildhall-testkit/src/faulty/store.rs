//! A store with faults.

use std::sync::Arc;

use guildhall_core::BoxFuture;
use guildhall_core::store::{Batch, Committed, Store, StoreError, StoreErrorKind, StoreLayer};

use super::{Does, Lost, Way};

/// The store as one app sees it.
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

impl StoreLayer for FaultyStore {
    fn inner(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    fn around<'a, T: Send + 'static>(
        &'a self,
        operation: &'static str,
        request: BoxFuture<'static, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let does = match operation {
            "prepare" | "claim" => Does::Changes,
            _ => Does::Reads,
        };
        Box::pin(async move {
            let result = self.way.carry(does, request).await;
            result.unwrap_or_else(|lost| Err(no_answer(operation, lost)))
        })
    }

    fn around_commit(
        &self,
        batches: Vec<Batch>,
    ) -> BoxFuture<'_, Vec<Result<Committed, StoreError>>> {
        let (store, count) = (self.inner(), batches.len());
        Box::pin(async move {
            let request = async move { store.commit(batches).await };
            let results = self.way.carry(Does::Changes, request).await;
            results.unwrap_or_else(|lost| vec![Err(no_answer("commit", lost)); count])
        })
    }
}
