//! Leases: holders in memory, epochs below a mark in the file.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::leases::{LeaseChange, LeaseError, Leases as _, Opened, Transferred, Wanted};
use guildhall_core::store::{self, LeaseId};
use guildhall_core::{BoxFuture, Code, Status};
use guildhall_hub::convert::{self, lease_refusal};
use guildhall_hub::proto::{
    self, AcquireReq, AcquireRsp, Holder, LeaseRsp, NotYours, OpenReq, OpenRsp, RecordReq,
    RecordRsp, ReleaseReq, SessionReq, StreamRsp, TransferReq, TransferRsp, WatchLeasesReq,
    open_rsp::Session, transfer_rsp::CameTo,
};
use guildhall_runtime::Cx;
use prost::Message as _;
use tokio::sync::mpsc;

use crate::Hub;
use crate::hub::nonsense;
use crate::streams::Source;

impl proto::Leases for Hub {
    async fn open(&self, _cx: &Cx, req: OpenReq) -> Result<OpenRsp, Status> {
        let (holder, ttl) = (holder(req.holder)?, Duration::from_millis(req.ttl_ms));
        let instead_of = (req.instead_of > 0).then_some(req.instead_of);
        let session = match self.parts()?.leases.open(&holder, instead_of, ttl).await {
            Ok(Opened::New(number)) => Session::New(number),
            Ok(Opened::Living(number)) => Session::Living(number),
            Err(error) => {
                return Ok(OpenRsp { failure: Some(lease_refusal(error)), session: None });
            }
        };
        Ok(OpenRsp { failure: None, session: Some(session) })
    }

    async fn keep_alive(&self, _cx: &Cx, req: SessionReq) -> Result<LeaseRsp, Status> {
        Ok(done(self.parts()?.leases.keep_alive(&holder(req.holder)?, req.session).await))
    }

    async fn close(&self, _cx: &Cx, req: SessionReq) -> Result<LeaseRsp, Status> {
        Ok(done(self.parts()?.leases.close(&holder(req.holder)?, req.session).await))
    }

    async fn acquire(&self, _cx: &Cx, req: AcquireReq) -> Result<AcquireRsp, Status> {
        let holder = holder(req.holder)?;
        let wanted = req.wanted.into_iter();
        let wanted: Vec<_> =
            wanted.map(|of| Wanted { id: of.id.into(), at_least: of.at_least }).collect();
        Ok(match self.parts()?.leases.acquire(&holder, &wanted).await {
            Ok(answers) => {
                let answers = answers.iter().map(convert::acquired).collect();
                AcquireRsp { failure: None, answers }
            }
            Err(error) => AcquireRsp { failure: Some(lease_refusal(error)), answers: Vec::new() },
        })
    }

    async fn release(&self, _cx: &Cx, req: ReleaseReq) -> Result<LeaseRsp, Status> {
        let holder = holder(req.holder)?;
        let grants = req.grants.into_iter();
        let grants: Vec<(LeaseId, u64)> = grants.map(|of| (of.id.into(), of.epoch)).collect();
        Ok(done(self.parts()?.leases.release(&holder, &grants).await))
    }

    async fn transfer(&self, _cx: &Cx, req: TransferReq) -> Result<TransferRsp, Status> {
        let (holder, to) = (holder(req.holder)?, holder(req.to)?);
        let grant = req.grant.ok_or_else(|| nonsense("grant"))?;
        let (id, epoch) = (LeaseId::from(grant.id), grant.epoch);
        let moved = self.parts()?.leases.transfer(&holder, &id, epoch, &to, req.offer).await;
        let came_to = match moved {
            Ok(Transferred::Done(epoch)) => CameTo::Done(epoch),
            Ok(Transferred::NotYours(holding)) => {
                let holding = holding.as_ref().map(convert::holding);
                CameTo::NotYours(NotYours { holding })
            }
            Ok(Transferred::NobodyThere) => CameTo::NobodyThere(true),
            Err(error) => {
                let failure = Some(lease_refusal(error));
                return Ok(TransferRsp { failure, came_to: None });
            }
        };
        Ok(TransferRsp { failure: None, came_to: Some(came_to) })
    }

    async fn record(&self, _cx: &Cx, req: RecordReq) -> Result<RecordRsp, Status> {
        Ok(match self.parts()?.leases.record(&req.name, req.number).await {
            Ok(number) => RecordRsp { failure: None, number },
            Err(error) => RecordRsp { failure: Some(lease_refusal(error)), number: 0 },
        })
    }

    async fn watch(&self, _cx: &Cx, req: WatchLeasesReq) -> Result<StreamRsp, Status> {
        let parts = self.parts()?;
        let changes = parts.leases.watch(&req.prefix).await;
        let changes = changes.map_err(|e| Status::new(Code::FailedPrecondition, e.message))?;
        parts.streams.open(Watch(changes))
    }
}

struct Watch(mpsc::Receiver<LeaseChange>);

impl Source for Watch {
    fn next(&mut self) -> BoxFuture<'_, Option<Bytes>> {
        Box::pin(async move {
            let change = self.0.recv().await?;
            Some(convert::lease_change(&change).encode_to_vec().into())
        })
    }
}

fn holder(holder: Option<Holder>) -> Result<store::Holder, Status> {
    convert::from_holder(holder).ok_or_else(|| nonsense("holder"))
}

fn done(result: Result<(), LeaseError>) -> LeaseRsp {
    LeaseRsp { failure: result.err().map(lease_refusal) }
}
