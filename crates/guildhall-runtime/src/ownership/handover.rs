//! What goes along with a lease, and then the lease itself (rules 19, 20): of slots, and of the game's own leases.

use std::sync::Arc;

use guildhall_core::leases::{LeaseError, LeaseSession, Transferred};
use guildhall_core::store::{Holder, LeaseId};

use super::Payload;
use super::slots::Holding;
use crate::app::AppInner;
use crate::codegen::Cx;
use crate::proto::{OfferReq, OwnershipClient, SlotPayload};

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
        if payloads.is_empty() {
            return true;
        }
        let payload = |payload: Payload| SlotPayload {
            key: payload.key.as_str().to_owned(),
            state: payload.state,
            commands: payload.commands,
        };
        let req = OfferReq {
            lease: self.lease.to_string(),
            epoch: self.held.epoch,
            offer: self.held.offers,
            incarnation: asker.incarnation.0,
            payloads: payloads.into_iter().map(payload).collect(),
        };
        let config = &self.app.ownership.config;
        let cx = Cx::outside(Arc::clone(self.app)).within(config.move_time());
        loop {
            match OwnershipClient::new(&cx).at(&asker.app).offer(req.clone()).await {
                Ok(answer) => return answer.taken,
                // Offers are repeated until they are acknowledged, or the time of the move is over.
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
