//! A lease on its way from one app to another (rules 16, 19, 20), of a slot or a game lease: one app asks for it, the holder offers
//! what goes along with it, then the lease itself is transferred.

use guildhall_core::Status;
use guildhall_core::env::Instant;
use guildhall_core::leases::{LeaseError, LeaseSession, Transferred};
use guildhall_core::status::reason;
use guildhall_core::store::{Holder, LeaseId};

use crate::mesh::{HandedOver, MoveRequest, Offer};
use crate::ownership::Ownership;
use crate::payload::Payload;
use crate::slots::Holding;

/// One holding on its way to another app.
pub(crate) struct Handover<'a> {
    pub(crate) own: &'a Ownership,
    pub(crate) session: &'a LeaseSession,
    pub(crate) lease: &'a LeaseId,
    pub(crate) held: Holding,
}

impl Handover<'_> {
    /// Rule 19: the payloads arrive before the lease does. Whether the asker has parked them.
    pub(crate) async fn offer(&self, asker: &Holder, payloads: Vec<Payload>) -> bool {
        let deadline = self.own.env.now() + self.own.config.move_time();
        let parts = in_parts(payloads, self.own.mesh.offer_bytes_max());
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        for (part, payloads) in (0..).zip(parts) {
            let offer = Offer {
                lease: self.lease.clone(),
                from: self.held.origin(),
                to: asker.incarnation,
                part,
                parts: count,
                payloads,
            };
            if !self.offer_part(asker, &offer, deadline).await {
                return false;
            }
        }
        true
    }

    /// Offers are repeated until they are acknowledged, or the time of the move is over.
    async fn offer_part(&self, asker: &Holder, offer: &Offer, deadline: Instant) -> bool {
        loop {
            match self.own.mesh.offer(&asker.app, offer.clone(), deadline).await {
                Ok(parked) => return parked,
                Err(status) if status.reason() == reason::TOO_LARGE => {
                    let lease = self.lease;
                    tracing::error!(%lease, %status, "move failed: the payload of one actor is too large");
                    return false;
                }
                Err(status) => {
                    tracing::debug!(lease = %self.lease, %status, "offer not acknowledged")
                }
            }
            self.own.env.sleep(self.own.config.poll()).await;
        }
    }

    /// Transfers the lease itself. `None` when there was no answer in time: it may be the asker's, or still ours.
    pub(crate) async fn transfer(&self, asker: &Holder) -> Option<Result<Transferred, LeaseError>> {
        let Holding { epoch, offers } = self.held;
        let deadline = self.own.env.now() + self.own.config.move_time();
        let transfer = self.session.transfer(self.lease, epoch, asker, offers);
        let transferred = self.own.env.until(deadline, transfer).await;
        self.own.check_over(self.session);
        transferred
    }

    /// The answer to the asker, which has the lease under `epoch` now.
    pub(crate) fn done(&self, epoch: u64) -> HandedOver {
        HandedOver { epoch, from: self.held.origin() }
    }
}

impl Ownership {
    /// Asks the holder of a lease to hand it over, with the largest epoch under which it was ours (rule 16). `None` when the holder
    /// keeps it now.
    pub(crate) async fn ask_holder(
        &self,
        lease: &LeaseId,
        (holder, epoch): (&Holder, u64),
        at_least: u64,
        deadline: Instant,
    ) -> Result<Option<HandedOver>, Status> {
        let request = MoveRequest { lease: lease.clone(), epoch, at_least };
        self.mesh.request_move(holder, request, deadline).await
    }
}

/// In parts of about `max` bytes.
fn in_parts(payloads: Vec<Payload>, max: usize) -> Vec<Vec<Payload>> {
    let mut parts: Vec<Vec<Payload>> = Vec::new();
    let mut room = 0;
    for payload in payloads {
        let size = payload.size();
        if size > room || parts.is_empty() {
            parts.push(Vec::new());
            room = max;
        }
        room = room.saturating_sub(size);
        if let Some(part) = parts.last_mut() {
            part.push(payload);
        }
    }
    parts
}
