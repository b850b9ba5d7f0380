//! The [`Leases`] seam on etcd.
//!
//! A session is an etcd lease, and a key under it. An id that is held is a key under the lease of its holder, so that all of them end
//! in one step with it. The epoch of a grant is the revision that wrote the key, which grows for all of etcd, plus a base that grows
//! when a larger epoch was seen.

mod failure;
mod epochs;
mod held;
mod sessions;
mod acquire;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::BoxFuture;
use guildhall_core::leases::memory::EPOCH_END;
use guildhall_core::leases::{
    Acquired, LeaseCapabilities, LeaseChange, LeaseError, LeaseErrorKind, Leases, Opened,
    Transferred, Wanted,
};
use guildhall_core::store::{Holder, LeaseId};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::keys::Keys;
use crate::mirror::Mirror;
use epochs::Epochs;
use failure::Failure;
use held::HeldUnder;
use sessions::Sessions;

/// Bytes of an id or a name; etcd keeps all keys in memory.
const ID_MAX: usize = 1024;
/// How often a request is tried whose keys others change at the same time.
const TRIES: usize = 16;

/// The leases of one deployment.
#[derive(Debug)]
pub struct EtcdLeases {
    client: Arc<Client>,
    keys: Keys,
    sessions: Sessions,
    epochs: Mutex<Epochs>,
}

impl EtcdLeases {
    pub(crate) fn new(client: &Arc<Client>, keys: Keys) -> Self {
        let (client, sessions) = (Arc::clone(client), Sessions::default());
        Self { client, keys, sessions, epochs: Mutex::default() }
    }
}

impl Leases for EtcdLeases {
    fn capabilities(&self) -> LeaseCapabilities {
        LeaseCapabilities { durable_epochs: true }
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>> {
        Box::pin(async move {
            self.open_session(holder, instead_of, ttl).await.map_err(|why| why.error("open"))
        })
    }

    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            let renewed = self.renew_session(holder, session).await;
            renewed.map_err(|why| why.error("keep_alive"))
        })
    }

    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            self.close_session(holder, session).await.map_err(|why| why.error("close"))
        })
    }

    fn ended<'a>(&'a self, holder: &'a Holder, session: u64) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            match self.sessions.end_of(holder, session) {
                Some(end) => end.cancelled().await,
                // It was forgotten: its end is in an answer.
                None => std::future::pending().await,
            }
        })
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        Box::pin(async move {
            if let Some(wish) = wanted.iter().find(|wish| wish.at_least >= EPOCH_END) {
                let why = format!(
                    "{} was never granted: it is of the last era, which is not used; the row of {} that has it is damaged",
                    wish.at_least, wish.id
                );
                return Err(LeaseError::new(LeaseErrorKind::Invalid, "acquire", why));
            }
            checked(wanted.iter().map(|wish| &*wish.id)).map_err(|why| why.error("acquire"))?;
            self.acquire_all(holder, wanted).await.map_err(|why| why.error("acquire"))
        })
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        Box::pin(async move {
            checked(grants.iter().map(|(id, _)| &**id)).map_err(|why| why.error("release"))?;
            self.release_all(holder, grants).await.map_err(|why| why.error("release"))
        })
    }

    fn transfer<'a>(
        &'a self,
        holder: &'a Holder,
        id: &'a LeaseId,
        epoch: u64,
        to: &'a Holder,
        offer: u64,
    ) -> BoxFuture<'a, Result<Transferred, LeaseError>> {
        Box::pin(async move {
            checked([&**id]).map_err(|why| why.error("transfer"))?;
            let done = self.transfer_one(holder, id, epoch, to, offer).await;
            done.map_err(|why| why.error("transfer"))
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        Box::pin(async move {
            checked([name]).map_err(|why| why.error("record"))?;
            self.record_once(name, number).await.map_err(|why| why.error("record"))
        })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        Box::pin(async move {
            checked([prefix]).map_err(|why| why.error("watch"))?;
            // Most prefixes are one id, which is watched for a moment: each has a stream of its own.
            let keys = self.keys.lease(prefix);
            let mirror = Mirror::<HeldUnder>::new(&self.client, keys, prefix);
            mirror.watch().await.map_err(|fault| Failure::from(fault).error("watch"))
        })
    }
}

fn checked<'a>(ids: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
    match ids.into_iter().find(|id| id.len() > ID_MAX) {
        Some(id) => {
            Err(Failure::Invalid(format!("an id has {} bytes, {ID_MAX} are the most", id.len())))
        }
        None => Ok(()),
    }
}
