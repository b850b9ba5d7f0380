//! The framework service `Ownership`: requests of other apps about slots and leases.

use std::time::Duration;

use guildhall_core::leases::Origin;
use guildhall_core::status::reason;
use guildhall_core::store::Holder;
use guildhall_core::{Code, Incarnation, Key, Status};
use guildhall_ownership::{MoveRequest, Offer, Payload};

use crate::call::Cx;
use crate::proto::{DrainingMsg, MoveReq, MoveRsp, OfferReq, OfferRsp, Ownership, SlotPayload};

/// Answers for the app that it runs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnershipHere;

impl Ownership for OwnershipHere {
    async fn r#move(&self, cx: &Cx, req: MoveReq) -> Result<MoveRsp, Status> {
        let asker = peer(cx, req.incarnation)?;
        let MoveReq { lease, epoch, at_least, .. } = req;
        let request = MoveRequest { lease: lease.into(), epoch, at_least };
        let moved = cx.core.ownership().answer_move(asker, request).await;
        let rsp = moved.map(|moved| MoveRsp { epoch: moved.epoch, offer: moved.from.offer });
        Ok(rsp.unwrap_or_default())
    }

    async fn offer(&self, cx: &Cx, req: OfferReq) -> Result<OfferRsp, Status> {
        let offer = Offer {
            lease: req.lease.into(),
            from: Origin { epoch: req.epoch, offer: req.offer },
            to: Incarnation(req.incarnation),
            part: req.part,
            parts: req.parts,
            payloads: req.payloads.into_iter().map(decoded).collect(),
        };
        Ok(OfferRsp { taken: cx.core.ownership().take_offer(offer) })
    }

    async fn draining(&self, cx: &Cx, msg: DrainingMsg) -> Result<(), Status> {
        let peer = peer(cx, msg.incarnation)?;
        cx.core.mesh.drains(&peer.app, peer.incarnation);
        Ok(())
    }
}

fn decoded(payload: SlotPayload) -> Payload {
    let SlotPayload { key, state, commands, unused_ms } = payload;
    Payload { key: Key::from(key), state, commands, unused: Duration::from_millis(unused_ms) }
}

/// The app that sends the request, as its link has proven, in the life that it names.
fn peer(cx: &Cx, incarnation: u64) -> Result<Holder, Status> {
    let app = cx.caller().cloned().ok_or_else(|| {
        let why = "only other apps may ask for slots";
        Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why)
    })?;
    Ok(Holder { app, incarnation: Incarnation(incarnation) })
}
