//! Leases with faults.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::BoxFuture;
use guildhall_core::leases::memory::{MemoryLeases, WATCH_BUFFER};
use guildhall_core::leases::{
    Acquired, LeaseCapabilities, LeaseChange, LeaseError, LeaseErrorKind, Leases, Opened,
    Transferred, Wanted,
};
use guildhall_core::store::{Holder, LeaseId};
use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::{Does, Lost, Way, forward};

/// The leases as one app sees them. Its requests own their arguments, because one that is late outlives its caller.
pub(crate) struct FaultyLeases {
    /// The present backend: a request is for the one that is there when the request arrives.
    pub(crate) leases: Arc<RwLock<MemoryLeases>>,
    pub(crate) way: Arc<Way>,
}

impl FaultyLeases {
    /// Leases have one kind of error for all ways of getting no answer.
    fn carry<T, R>(
        &self,
        operation: &'static str,
        request: impl FnOnce(MemoryLeases) -> R + Send + 'static,
    ) -> BoxFuture<'_, Result<T, LeaseError>>
    where
        T: Send + 'static,
        R: Future<Output = Result<T, LeaseError>> + Send + 'static,
    {
        let leases = Arc::clone(&self.leases);
        let request = async move {
            let present = leases.read().clone();
            request(present).await
        };
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
}

impl Leases for FaultyLeases {
    fn capabilities(&self) -> LeaseCapabilities {
        self.leases.read().capabilities()
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>> {
        let holder = holder.clone();
        self.carry("open", move |leases| async move { leases.open(&holder, instead_of, ttl).await })
    }

    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let holder = holder.clone();
        self.carry(
            "keep_alive",
            move |leases| async move { leases.keep_alive(&holder, session).await },
        )
    }

    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let holder = holder.clone();
        self.carry("close", move |leases| async move { leases.close(&holder, session).await })
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        let (holder, wanted) = (holder.clone(), wanted.to_vec());
        self.carry("acquire", move |leases| async move { leases.acquire(&holder, &wanted).await })
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let (holder, grants) = (holder.clone(), grants.to_vec());
        self.carry("release", move |leases| async move { leases.release(&holder, &grants).await })
    }

    fn transfer<'a>(
        &'a self,
        holder: &'a Holder,
        id: &'a LeaseId,
        epoch: u64,
        to: &'a Holder,
        offer: u64,
    ) -> BoxFuture<'a, Result<Transferred, LeaseError>> {
        let (holder, id, to) = (holder.clone(), id.clone(), to.clone());
        self.carry("transfer", move |leases| async move {
            leases.transfer(&holder, &id, epoch, &to, offer).await
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        let name = name.to_owned();
        self.carry("record", move |leases| async move { leases.record(&name, number).await })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        let prefix = prefix.to_owned();
        Box::pin(async move {
            let request = move |leases: MemoryLeases| async move { leases.watch(&prefix).await };
            let changes = self.carry("watch", request).await?;
            let (to, watch) = mpsc::channel(WATCH_BUFFER);
            drop(self.way.env.spawn("sim-watch", forward(Arc::clone(&self.way), changes, to)));
            Ok(watch)
        })
    }
}
