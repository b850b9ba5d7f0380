//! Hands a slot over: stop, save, offer, transfer (rules 17 to 20).

use std::sync::Arc;

use guildhall_core::leases::{LeaseErrorKind, LeaseSession, Transferred};
use guildhall_core::store::Holder;

use super::keeper::acquire;
use super::slots::Holding;
use super::{Owned, Ownership, Payload};
use crate::app::AppInner;
use crate::codegen::Cx;
use crate::proto::{MoveReq, MoveRsp, OfferReq, OwnershipClient, SlotPayload};

/// Answers a request for a slot: the new epoch, or that it is not given now.
pub(super) async fn give(app: &Arc<AppInner>, asker: Holder, req: &MoveReq) -> MoveRsp {
    let not_yet = MoveRsp::default();
    let own = &app.ownership;
    let Some((room, slot)) = own.room_of(&req.lease) else { return not_yet };
    let table = room.table();
    // Rule 17: only when our own view names the asker; so two apps with different views do not pull a slot to and fro.
    let places = app.mesh.places(table.actor);
    if places.is_none_or(|places| places.owner(slot) != asker.app.as_str()) {
        return not_yet;
    }
    if table.pinned && !app.draining.is_cancelled() {
        return not_yet;
    }
    let Some(session) = own.session() else { return not_yet };
    let Some(held) = table.begin_leaving(slot, req.epoch, &asker.app) else {
        // Rule 22: it may have been transferred to this app, which has not heard of it.
        if !table.is_held(slot) {
            own.doubt(table, slot, req.epoch);
        }
        return not_yet;
    };
    let leaving = Leaving { app, own, room, slot, held, session };
    leaving.give(asker, req.at_least).await
}

/// A slot on its way to another app.
struct Leaving<'a> {
    app: &'a Arc<AppInner>,
    own: &'a Ownership,
    room: &'a Arc<dyn Owned>,
    slot: u32,
    held: Holding,
    session: Arc<LeaseSession>,
}

impl Leaving<'_> {
    async fn give(self, asker: Holder, asker_had: u64) -> MoveRsp {
        let env = &self.app.env;
        let deadline = env.now() + self.own.config.move_time();
        let left = env.until(deadline, self.room.leave(self.slot, &asker.app)).await;
        let Some(Some(payloads)) = left else {
            self.stay();
            return MoveRsp::default();
        };
        if asker_had >= self.held.epoch {
            // Rule 17: the lease service has forgotten epochs. Both acquire anew.
            return self.release(&asker).await;
        }
        let offered = self.offer(&asker, payloads);
        if env.until(deadline, offered).await != Some(true) {
            self.stay();
            return MoveRsp::default();
        }
        self.transfer(asker).await
    }

    /// Rule 19: the payload is at the asker before the lease is.
    async fn offer(&self, asker: &Holder, payloads: Vec<Payload>) -> bool {
        if payloads.is_empty() {
            return true;
        }
        let payload = |payload: Payload| SlotPayload {
            key: payload.key.as_str().to_owned(),
            state: payload.state,
            commands: payload.commands,
        };
        let req = OfferReq {
            lease: self.lease().to_string(),
            epoch: self.held.epoch,
            offer: self.held.offers,
            incarnation: asker.incarnation.0,
            payloads: payloads.into_iter().map(payload).collect(),
        };
        let cx = Cx::outside(Arc::clone(self.app)).within(self.own.config.move_time());
        loop {
            match OwnershipClient::new(&cx).at(&asker.app).offer(req.clone()).await {
                Ok(answer) => return answer.taken,
                // Offers are repeated until they are acknowledged, or the time of the move is over.
                Err(status) => tracing::debug!(%status, "an offer was not acknowledged"),
            }
            self.app.env.sleep(self.own.config.poll()).await;
        }
    }

    async fn transfer(self, asker: Holder) -> MoveRsp {
        let Holding { epoch, offers } = self.held;
        let deadline = self.app.env.now() + self.own.config.move_time();
        let transfer = self.session.transfer(self.lease(), epoch, &asker, offers);
        match self.app.env.until(deadline, transfer).await {
            Some(Ok(Transferred::Done(epoch))) => {
                self.gone(Some((asker, epoch)));
                self.app.counters.slots_given.add(1);
                MoveRsp { epoch, offer: offers }
            }
            Some(Ok(Transferred::NotYours(holding))) => {
                self.gone(holding.map(|holding| (holding.holder, holding.epoch)));
                MoveRsp::default()
            }
            Some(Err(error)) if error.kind == LeaseErrorKind::Expired => {
                self.stay();
                MoveRsp::default()
            }
            // Also where the service knows no session of the asker: a copy of the request may come later, when it does.
            Some(Ok(Transferred::NobodyThere) | Err(_)) | None => {
                self.ask_until_known().await;
                MoveRsp::default()
            }
        }
    }

    /// Rule 20: after `transfer` was sent nothing goes on here until the service has told who holds the id; and then under a new
    /// grant, which a late `transfer` does not name.
    async fn ask_until_known(&self) {
        loop {
            let Some(session) = self.own.session() else {
                self.stay();
                return;
            };
            if acquire(self.app, &session, self.room, &[(self.slot, self.held.epoch)]).await {
                return;
            }
            self.app.env.sleep(self.own.config.poll()).await;
        }
    }

    async fn release(self, asker: &Holder) -> MoveRsp {
        let grant = [(Arc::clone(self.lease()), self.held.epoch)];
        let deadline = self.app.env.now() + self.own.config.move_time();
        let _free_or_not = self.app.env.until(deadline, self.session.release(&grant)).await;
        tracing::warn!(lease = %self.lease(), %asker, "the lease backend has forgotten epochs: a slot is acquired anew");
        self.gone(None);
        MoveRsp::default()
    }

    fn gone(&self, to: Option<(Holder, u64)>) {
        let app = to.as_ref().map(|(holder, _)| holder.app.clone());
        self.room.table().gone(self.slot, to);
        self.room.drop_slot(self.slot, app.as_ref());
    }

    /// The slot is served here again, unless the session has run out meanwhile.
    fn stay(&self) {
        let serve = self.own.is_valid(&self.app.env);
        self.room.table().stay(self.slot, serve);
        if serve {
            Arc::clone(self.room).serve(self.app, self.slot, Vec::new());
        }
        self.own.wake.notify_one();
    }

    fn lease(&self) -> &guildhall_core::store::LeaseId {
        &self.room.table().leases[self.slot as usize]
    }
}
