//! A lease on its way from one app to another (rules 16, 19, 20), of a slot or of the game's own: it is asked for, then comes what goes
//! along with it, then the lease itself.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Status;
use guildhall_core::leases::{LeaseError, LeaseSession, Origin, Transferred};
use guildhall_core::status::reason;
use guildhall_core::store::{Holder, LeaseId};

use super::Payload;
use super::slots::Holding;
use crate::app::AppInner;
use crate::codegen::Cx;
use crate::proto::{MoveReq, OfferReq, OwnershipClient, SlotPayload};

/// One holding on its way to another app.
pub(super) struct Handover<'a> {
    pub(super) app: &'a Arc<AppInner>,
    pub(super) session: &'a LeaseSession,
    pub(super) lease: &'a LeaseId,
    pub(super) held: Holding,
}

impl Handover<'_> {
    /// Rule 19: the payload is at the asker before the lease is. Whether it has it.
    pub(super) async fn offer(&self, asker: &Holder, payloads: Vec<Payload>) -> bool {
        let parts = in_frames(payloads, self.app.endpoint.config.frame_max / 2);
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        for (part, payloads) in (0..).zip(parts) {
            let req = OfferReq {
                lease: self.lease.to_string(),
                epoch: self.held.epoch,
                offer: self.held.offers,
                incarnation: asker.incarnation.0,
                payloads,
                part,
                parts: count,
            };
            if !self.offer_part(asker, req).await {
                return false;
            }
        }
        true
    }

    /// Offers are repeated until they are acknowledged, or the time of the move is over.
    async fn offer_part(&self, asker: &Holder, req: OfferReq) -> bool {
        let config = &self.app.ownership.config;
        let cx = Cx::outside(Arc::clone(self.app)).within(config.move_time());
        loop {
            match OwnershipClient::new(&cx).at(&asker.app).offer(req.clone()).await {
                Ok(answer) => return answer.taken,
                Err(status) if status.reason() == reason::TOO_LARGE => {
                    let lease = self.lease;
                    tracing::error!(%lease, %status, "it cannot move: what one actor gives along is too large");
                    return false;
                }
                Err(status) => tracing::debug!(%status, "an offer was not acknowledged"),
            }
            self.app.env.sleep(config.poll()).await;
        }
    }

    /// The lease itself; `None` when there was no answer in time: it may be the asker's, or still ours.
    pub(super) async fn transfer(&self, asker: &Holder) -> Option<Result<Transferred, LeaseError>> {
        let Holding { epoch, offers } = self.held;
        let deadline = self.app.env.now() + self.app.ownership.config.move_time();
        let transfer = self.session.transfer(self.lease, epoch, asker, offers);
        self.app.env.until(deadline, transfer).await
    }
}

/// Asks the holder of a lease to hand it over, with the largest epoch under which it was ours (rule 16): the new epoch and where it
/// comes from, or that the holder does not give it now.
pub(super) async fn ask_holder(
    app: &Arc<AppInner>,
    lease: &LeaseId,
    (holder, epoch): (&Holder, u64),
    at_least: u64,
    within: Duration,
) -> Result<Option<(u64, Origin)>, Status> {
    let incarnation = app.ownership.holder.incarnation.0;
    let req = MoveReq { lease: lease.to_string(), epoch, at_least, incarnation };
    let cx = Cx::outside(Arc::clone(app)).within(within);
    let moved = OwnershipClient::new(&cx).at(&holder.app).r#move(req).await?;
    Ok((moved.epoch > 0).then_some((moved.epoch, Origin { epoch, offer: moved.offer })))
}

/// In parts of about `max` bytes.
fn in_frames(payloads: Vec<Payload>, max: usize) -> Vec<Vec<SlotPayload>> {
    let mut parts: Vec<Vec<SlotPayload>> = Vec::new();
    let mut room = 0;
    for Payload { key, state, commands, unused } in payloads {
        let size = key.as_str().len() + state.len() + commands.len();
        if size > room || parts.is_empty() {
            parts.push(Vec::new());
            room = max;
        }
        room = room.saturating_sub(size);
        let unused_ms = u64::try_from(unused.as_millis()).unwrap_or(u64::MAX);
        let key = key.as_str().to_owned();
        let payload = SlotPayload { key, state, commands, unused_ms };
        if let Some(part) = parts.last_mut() {
            part.push(payload);
        }
    }
    parts
}
