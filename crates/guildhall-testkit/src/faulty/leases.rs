//! Leases with faults.

use std::sync::Arc;

use guildhall_core::BoxFuture;
use guildhall_core::leases::memory::WATCH_BUFFER;
use guildhall_core::leases::{LeaseChange, LeaseError, LeaseErrorKind, LeaseLayer, Leases};
use tokio::sync::mpsc;

use super::{Does, Lost, Way, forward};

/// The leases as one app sees them.
pub(crate) struct FaultyLeases {
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) way: Arc<Way>,
}

impl LeaseLayer for FaultyLeases {
    fn inner(&self) -> Arc<dyn Leases> {
        Arc::clone(&self.leases)
    }

    /// Leases have one kind of error for all ways of getting no answer.
    fn around<'a, T: Send + 'static>(
        &'a self,
        operation: &'static str,
        request: BoxFuture<'static, Result<T, LeaseError>>,
    ) -> BoxFuture<'a, Result<T, LeaseError>> {
        Box::pin(async move {
            self.way.carry(Does::Changes, request).await.unwrap_or_else(|lost| {
                let why = match lost {
                    Lost::Unavailable => "the request has not arrived",
                    Lost::Unknown => "the answer has not arrived",
                    Lost::Full => "the disk is full",
                };
                Err(LeaseError::new(LeaseErrorKind::Unavailable, operation, why))
            })
        })
    }

    fn around_watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        let (leases, prefix) = (Arc::clone(&self.leases), prefix.to_owned());
        Box::pin(async move {
            let request = Box::pin(async move { leases.watch(&prefix).await });
            let changes = self.around("watch", request).await?;
            let (to, watch) = mpsc::channel(WATCH_BUFFER);
            drop(self.way.env.spawn("sim-watch", forward(Arc::clone(&self.way), changes, to)));
            Ok(watch)
        })
    }
}
