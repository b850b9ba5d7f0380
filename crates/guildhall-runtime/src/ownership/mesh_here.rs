//! [`MeshHere`]: the mesh of this app as ownership sees it: targets of slots, and requests over links.

use std::sync::{Arc, Weak};

use guildhall_core::env::Instant;
use guildhall_core::leases::Origin;
use guildhall_core::status::reason;
use guildhall_core::store::Holder;
use guildhall_core::{AppId, BoxFuture, Code, Status};
use guildhall_ownership::{HandedOver, Mesh, MoveRequest, Offer, Payload, Targets};

use crate::call::mesh::{self, Places};
use crate::call::{Core, Cx};
use crate::proto::{MoveReq, OfferReq, OwnershipClient, SlotPayload};

/// The mesh of an app. It must not keep the app, which keeps it; once the app is gone, no other app can be reached.
pub(super) struct MeshHere {
    mesh: Arc<mesh::Mesh>,
    core: Weak<Core>,
    /// Most bytes of one frame.
    frame_max: usize,
}

impl MeshHere {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        let frame_max = core.endpoint.config.frame_max;
        Self { mesh: Arc::clone(&core.mesh), core: Arc::downgrade(core), frame_max }
    }

    /// A context for a request that ends at `deadline`.
    fn cx(&self, deadline: Instant) -> Result<Cx, Status> {
        let core = self.core.upgrade().ok_or_else(|| {
            Status::not_run(Code::Unavailable, reason::GOING_AWAY, "this app has ended")
        })?;
        let left = deadline.saturating_duration_since(core.env.now());
        Ok(Cx::outside(&core).within(left))
    }
}

impl Targets for Places {
    fn target(&self, slot: u32) -> &str {
        self.owner(slot)
    }
}

impl Mesh for MeshHere {
    fn targets(&self, actor: &str) -> Option<Box<dyn Targets>> {
        Some(Box::new(self.mesh.places(actor)?))
    }

    fn revision(&self) -> u64 {
        self.mesh.revision()
    }

    fn changed(&self, seen: u64) -> BoxFuture<'_, ()> {
        let mut changes = self.mesh.changes_since(seen);
        Box::pin(async move { changes.changed().await })
    }

    fn is_linked(&self, peer: &Holder) -> bool {
        self.mesh.is_linked(&peer.app, peer.incarnation)
    }

    fn session_ended(&self, peer: &Holder) {
        self.mesh.session_ends(&peer.app, peer.incarnation);
    }

    fn session_began(&self, peer: &Holder) {
        self.mesh.session_begins(&peer.app, peer.incarnation);
    }

    fn request_move<'a>(
        &'a self,
        holder: &'a Holder,
        request: MoveRequest,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<HandedOver>, Status>> {
        Box::pin(async move {
            let cx = self.cx(deadline)?;
            let MoveRequest { lease, epoch, at_least } = request;
            let incarnation = cx.core.incarnation.0;
            let req = MoveReq { lease: lease.to_string(), epoch, at_least, incarnation };
            let rsp = OwnershipClient::new(&cx).at(&holder.app).r#move(req).await?;
            let from = Origin { epoch, offer: rsp.offer };
            Ok((rsp.epoch > 0).then_some(HandedOver { epoch: rsp.epoch, from }))
        })
    }

    fn offer<'a>(
        &'a self,
        to: &'a AppId,
        offer: Offer,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<bool, Status>> {
        Box::pin(async move {
            let cx = self.cx(deadline)?;
            let req = OfferReq {
                lease: offer.lease.to_string(),
                epoch: offer.from.epoch,
                offer: offer.from.offer,
                incarnation: offer.to.0,
                payloads: offer.payloads.into_iter().map(encoded).collect(),
                part: offer.part,
                parts: offer.parts,
            };
            Ok(OwnershipClient::new(&cx).at(to).offer(req).await?.taken)
        })
    }

    fn offer_bytes_max(&self) -> usize {
        self.frame_max / 2
    }
}

fn encoded(payload: Payload) -> SlotPayload {
    let Payload { key, state, commands, unused } = payload;
    let unused_ms = u64::try_from(unused.as_millis()).unwrap_or(u64::MAX);
    SlotPayload { key: key.as_str().to_owned(), state, commands, unused_ms }
}
