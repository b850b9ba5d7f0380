//! The [`Leases`] seam over a hub.

use std::time::Duration;

use guildhall_core::leases::memory::WATCH_BUFFER;
use guildhall_core::leases::{
    Acquired, LeaseCapabilities, LeaseChange, LeaseError, LeaseErrorKind, Leases, Opened,
    Transferred, Wanted,
};
use guildhall_core::store::{Holder, LeaseId};
use guildhall_core::{BoxFuture, Status};
use tokio::sync::mpsc;

use crate::convert::{self, lease_failure};
use crate::link::{HubLink, told};
use crate::proto::{
    self, AcquireReq, Grant, LeaseRsp, LeasesClient, NotYours, OpenReq, RecordReq, ReleaseReq,
    SessionReq, TransferReq, WatchLeasesReq, open_rsp::Session, transfer_rsp::CameTo,
};
use crate::stream::{POLL, Stream};

/// The leases of the hub.
#[derive(Debug)]
pub struct HubLeases {
    link: HubLink,
}

impl HubLeases {
    pub(crate) fn new(link: HubLink) -> Self {
        Self { link }
    }

    fn hub(&self) -> LeasesClient<'_> {
        LeasesClient::new(self.link.cx()).at(self.link.id())
    }
}

impl Leases for HubLeases {
    fn capabilities(&self) -> LeaseCapabilities {
        LeaseCapabilities { durable_epochs: true }
    }

    fn open<'a>(
        &'a self,
        holder: &'a Holder,
        instead_of: Option<u64>,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Opened, LeaseError>> {
        let holder = Some(convert::holder(holder));
        let (ttl_ms, instead_of) = (convert::to_ms(ttl), instead_of.unwrap_or(0));
        let answer = self.hub().open(OpenReq { holder, ttl_ms, instead_of });
        Box::pin(async move {
            let answer = answer.await.map_err(|status| failed("open", &status))?;
            refused("open", answer.failure)?;
            match answer.session {
                Some(Session::New(number)) => Ok(Opened::New(number)),
                Some(Session::Living(number)) => Ok(Opened::Living(number)),
                None => Err(garbled("open")),
            }
        })
    }

    fn keep_alive<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let answer = self.hub().keep_alive(of(holder, session));
        Box::pin(async move { done("keep_alive", answer.await) })
    }

    fn close<'a>(
        &'a self,
        holder: &'a Holder,
        session: u64,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let answer = self.hub().close(of(holder, session));
        Box::pin(async move { done("close", answer.await) })
    }

    fn acquire<'a>(
        &'a self,
        holder: &'a Holder,
        wanted: &'a [Wanted],
    ) -> BoxFuture<'a, Result<Vec<Acquired>, LeaseError>> {
        Box::pin(async move {
            let wishes = wanted.iter();
            let wishes =
                wishes.map(|w| proto::Wanted { id: w.id.to_string(), at_least: w.at_least });
            let holder = Some(convert::holder(holder));
            let answer = self.hub().acquire(AcquireReq { holder, wanted: wishes.collect() }).await;
            let answer = answer.map_err(|status| failed("acquire", &status))?;
            refused("acquire", answer.failure)?;
            if answer.answers.len() != wanted.len() {
                return Err(garbled("acquire"));
            }
            let answers = answer.answers.into_iter();
            answers.map(convert::from_acquired).collect::<Option<_>>().ok_or(garbled("acquire"))
        })
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        grants: &'a [(LeaseId, u64)],
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        let grants = grants.iter().map(|(id, epoch)| grant(id, *epoch)).collect();
        let holder = Some(convert::holder(holder));
        let answer = self.hub().release(ReleaseReq { holder, grants });
        Box::pin(async move { done("release", answer.await) })
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
            let req = TransferReq {
                holder: Some(convert::holder(holder)),
                grant: Some(grant(id, epoch)),
                to: Some(convert::holder(to)),
                offer,
            };
            let answer = self.hub().transfer(req).await;
            let answer = answer.map_err(|status| failed("transfer", &status))?;
            refused("transfer", answer.failure)?;
            match answer.came_to {
                Some(CameTo::Done(epoch)) => Ok(Transferred::Done(epoch)),
                Some(CameTo::NobodyThere(_)) => Ok(Transferred::NobodyThere),
                Some(CameTo::NotYours(NotYours { holding: None })) => {
                    Ok(Transferred::NotYours(None))
                }
                Some(CameTo::NotYours(NotYours { holding: Some(holding) })) => {
                    let holding = convert::from_holding(holding).ok_or(garbled("transfer"))?;
                    Ok(Transferred::NotYours(Some(holding)))
                }
                None => Err(garbled("transfer")),
            }
        })
    }

    fn record<'a>(&'a self, name: &'a str, number: u64) -> BoxFuture<'a, Result<u64, LeaseError>> {
        let answer = self.hub().record(RecordReq { name: name.to_owned(), number });
        Box::pin(async move {
            let answer = answer.await.map_err(|status| failed("record", &status))?;
            refused("record", answer.failure)?;
            Ok(answer.number)
        })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<mpsc::Receiver<LeaseChange>, LeaseError>> {
        Box::pin(async move {
            let opened = self.hub().watch(WatchLeasesReq { prefix: prefix.to_owned() }).await;
            let opened = opened.map_err(|status| failed("watch", &status))?;
            let stream = Stream::new(self.link.clone(), &opened);
            let (changes, watch) = mpsc::channel(WATCH_BUFFER);
            self.link.env().spawn("hub.leases", async move {
                tokio::select! {
                    biased;
                    () = changes.closed() => {}
                    () = forward(&stream, &changes) => {}
                }
            });
            Ok(watch)
        })
    }
}

/// Until the hub is lost, or the watcher is too slow.
async fn forward(stream: &Stream, changes: &mpsc::Sender<LeaseChange>) {
    let mut in_snapshot = true;
    while let Some(items) = stream.next::<proto::LeaseChange>(POLL).await {
        for item in items {
            let Some(change) = convert::from_lease_change(item) else { return };
            in_snapshot &= change != LeaseChange::Synced;
            // A snapshot may be larger than the buffer; its reader need not be as fast as the hub.
            let told = match in_snapshot {
                true => changes.send(change).await.is_ok(),
                false => changes.try_send(change).is_ok(),
            };
            if !told {
                return;
            }
        }
    }
}

fn of(holder: &Holder, session: u64) -> SessionReq {
    SessionReq { holder: Some(convert::holder(holder)), session }
}

fn grant(id: &LeaseId, epoch: u64) -> Grant {
    Grant { id: id.to_string(), epoch }
}

fn done(operation: &'static str, answer: Result<LeaseRsp, Status>) -> Result<(), LeaseError> {
    refused(operation, answer.map_err(|status| failed(operation, &status))?.failure)
}

fn refused(
    operation: &'static str,
    failure: Option<proto::LeaseFailure>,
) -> Result<(), LeaseError> {
    failure.map_or(Ok(()), |failure| Err(lease_failure(operation, failure)))
}

fn failed(operation: &'static str, status: &Status) -> LeaseError {
    LeaseError::new(LeaseErrorKind::Unavailable, operation, told(status))
}

fn garbled(operation: &'static str) -> LeaseError {
    let why = "the hub's answer does not decode; use a hub of the same version";
    LeaseError::new(LeaseErrorKind::Unavailable, operation, why)
}
