//! What apps say to each other about slots: a framework service of every app.

use std::time::Duration;

use guildhall_core::leases::Origin;
use guildhall_core::status::reason;
use guildhall_core::{Code, Key, Status};

use super::give::give;
use super::keeper::holder;
use super::slots::Payload;
use crate::codegen::Cx;
use crate::proto::{DrainingMsg, MoveReq, MoveRsp, OfferReq, OfferRsp, Ownership, SlotPayload};

/// Answers for the app that it runs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnershipHere;

impl Ownership for OwnershipHere {
    async fn r#move(&self, cx: &Cx, req: MoveReq) -> Result<MoveRsp, Status> {
        let asker = holder(peer(cx)?, req.incarnation);
        let (app, handler) = (cx.app.clone(), cx.app.env.clone());
        // In a task of its own: what has begun is not to be dropped because the asker waits no longer.
        let giving = handler.spawn("give", async move { give(&app, asker, &req).await });
        Ok(giving.await.ok().flatten().unwrap_or_default())
    }

    async fn offer(&self, cx: &Cx, req: OfferReq) -> Result<OfferRsp, Status> {
        let own = &cx.app.ownership;
        // Rule 19: an offer is for one life of an app.
        if req.incarnation != own.holder.incarnation.0 {
            return Ok(OfferRsp { taken: false });
        }
        let payload = |SlotPayload { key, state, commands, unused_ms }| Payload {
            key: Key::from(key),
            state,
            commands,
            unused: Duration::from_millis(unused_ms),
        };
        let from = Origin { epoch: req.epoch, offer: req.offer };
        let payloads = req.payloads.into_iter().map(payload).collect();
        let taken = match own.room_of(&req.lease) {
            Some((room, slot)) => room.table().park(slot, from, (req.part, req.parts), payloads),
            None => own.users.park(&req.lease, from, payloads),
        };
        Ok(OfferRsp { taken })
    }

    async fn draining(&self, cx: &Cx, msg: DrainingMsg) -> Result<(), Status> {
        let peer = holder(peer(cx)?, msg.incarnation);
        cx.app.mesh.drains(&peer.app, peer.incarnation);
        Ok(())
    }
}

/// The app that says it, as its link has proven.
fn peer(cx: &Cx) -> Result<guildhall_core::AppId, Status> {
    cx.caller().cloned().ok_or_else(|| {
        Status::not_run(
            Code::InvalidArgument,
            reason::BAD_REQUEST,
            "only other apps may ask for slots",
        )
    })
}
