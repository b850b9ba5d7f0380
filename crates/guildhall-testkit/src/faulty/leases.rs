//! Leases with faults.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::BoxFuture;
use guildhall_core::leases::memory::WATCH_BUFFER;
use guildhall_core::leases::{
    Acquired, LeaseCapabilities, LeaseChange, LeaseError, LeaseErrorKind, Leases, Opened,
    Transferred, Wanted,
};
use guildhall_core::store::{Holder, LeaseId};
use tokio::sync::mpsc;

use super::{Does, Lost, Way, forward};

/// The leases as one app sees them.
pub(crate) struct FaultyLeases {
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) way: Arc<Way>,
}

impl FaultyLeases {
    /// Takes a request to the leases, which have one kind of error for all ways of getting no answer.
    async fn carry<T: Send + 'static>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, LeaseError>> + Send + 'static,
    ) -> Result<T, LeaseError> {
        self.way.carry(Does::Changes, request).await.unwrap_or_else(|lost| {
            let why = match lost {
                Lost::Unavailable => "the request has not arrived",
                Lost::Unknown => "the answer has not arrived",
                Lost::Full => "the disk is full",
            };
            Err(LeaseError::new(LeaseErrorKind::Unavailable, operation, why))
        })
    }
}

impl Leases for FaultyLeases {
    fn capabilities(&self) -> LeaseCapabilities {
        self.leases.capabilities()
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>> {
        let (leases, holder) = (Arc::clone(&self.leases), holder.clone());
        Box::pin(self.carry("open", async move { leases.open(&holder, instead_of, ttl).await }))
    }

    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let (leases, holder) = (Arc::clone(&self.leases), holder.clone());
        Box::pin(self.carry("keep_alive", async move { leases.keep_alive(&holder, session).await }))
    }

    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let (leases, holder) = (Arc::clone(&self.leases), holder.clone());
        Box::pin(self.carry("close", async move { leases.close(&holder, session).await }))
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        let leases = Arc::clone(&self.leases);
        let (holder, wanted) = (holder.clone(), wanted.to_vec());
        Box::pin(self.carry("acquire", async move { leases.acquire(&holder, &wanted).await }))
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let leases = Arc::clone(&self.leases);
        let (holder, grants) = (holder.clone(), grants.to_vec());
        Box::pin(self.carry("release", async move { leases.release(&holder, &grants).await }))
    }

    fn transfer<'a>(
        &'a self,
        holder: &'a Holder,
        id: &'a LeaseId,
        epoch: u64,
        to: &'a Holder,
        offer: u64,
    ) -> BoxFuture<'a, Result<Transferred, LeaseError>> {
        let leases = Arc::clone(&self.leases);
        let (holder, id, to) = (holder.clone(), id.clone(), to.clone());
        let request = async move { leases.transfer(&holder, &id, epoch, &to, offer).await };
        Box::pin(self.carry("transfer", request))
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        let (leases, name) = (Arc::clone(&self.leases), name.to_owned());
        Box::pin(self.carry("record", async move { leases.record(&name, number).await }))
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        let (leases, prefix) = (Arc::clone(&self.leases), prefix.to_owned());
        Box::pin(async move {
            let changes = self.carry("watch", async move { leases.watch(&prefix).await }).await?;
            let (to, watch) = mpsc::channel(WATCH_BUFFER);
            drop(self.way.env.spawn("sim-watch", forward(Arc::clone(&self.way), changes, to)));
            Ok(watch)
        })
    }
}
