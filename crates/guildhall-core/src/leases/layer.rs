//! [`LeaseLayer`]: leases around other ones, which change some of what passes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{
    Acquired, LeaseCapabilities, LeaseChange, LeaseError, Leases, Opened, Transferred, Wanted,
};
use crate::BoxFuture;
use crate::store::{Holder, LeaseId};

/// Leases that pass everything to other ones, unless they say otherwise. Whoever implements this has [`Leases`].
pub trait LeaseLayer: Send + Sync + 'static {
    /// The leases that do the work.
    fn inner(&self) -> Arc<dyn Leases>;

    /// Everything but `watch` passes here: `operation` is the name of the method, `request` does it.
    fn around<'a, T: Send + 'static>(
        &'a self,
        operation: &'static str,
        request: BoxFuture<'static, Result<T, LeaseError>>,
    ) -> BoxFuture<'a, Result<T, LeaseError>> {
        let _for_layers_that_differ_by_it = operation;
        request
    }

    /// [`Leases::watch`] passes here.
    fn around_watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        let inner = self.inner();
        Box::pin(async move { inner.watch(prefix).await })
    }
}

impl<L: LeaseLayer> Leases for L {
    fn capabilities(&self) -> LeaseCapabilities {
        self.inner().capabilities()
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>> {
        let (inner, holder) = (self.inner(), holder.clone());
        self.around("open", Box::pin(async move { inner.open(&holder, instead_of, ttl).await }))
    }

    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let (inner, holder) = (self.inner(), holder.clone());
        self.around("keep_alive", Box::pin(async move { inner.keep_alive(&holder, session).await }))
    }

    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let (inner, holder) = (self.inner(), holder.clone());
        self.around("close", Box::pin(async move { inner.close(&holder, session).await }))
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        let (inner, holder, wanted) = (self.inner(), holder.clone(), wanted.to_vec());
        self.around("acquire", Box::pin(async move { inner.acquire(&holder, &wanted).await }))
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let (inner, holder, grants) = (self.inner(), holder.clone(), grants.to_vec());
        self.around("release", Box::pin(async move { inner.release(&holder, &grants).await }))
    }

    fn transfer<'a>(
        &'a self,
        holder: &'a Holder,
        id: &'a LeaseId,
        epoch: u64,
        to: &'a Holder,
        offer: u64,
    ) -> BoxFuture<'a, Result<Transferred, LeaseError>> {
        let inner = self.inner();
        let (holder, id, to) = (holder.clone(), id.clone(), to.clone());
        let request = async move { inner.transfer(&holder, &id, epoch, &to, offer).await };
        self.around("transfer", Box::pin(request))
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        let (inner, name) = (self.inner(), name.to_owned());
        self.around("record", Box::pin(async move { inner.record(&name, number).await }))
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        self.around_watch(prefix)
    }
}
