//! Hands a slot over: stop, save, offer, transfer (rules 17 to 20).

use std::sync::Arc;

use guildhall_core::leases::{LeaseErrorKind, LeaseSession, Transferred};
use guildhall_core::store::Holder;

use super::handover::Handover;
use super::keeper::acquire;
use super::slots::Holding;
use super::{Owned, Ownership, SlotTable};
use crate::app::AppInner;
use crate::proto::{MoveReq, MoveRsp};

/// Answers a request for a slot: the new epoch, or that it is not given now.
pub(super) async fn give(app: &Arc<AppInner>, asker: Holder, req: &MoveReq) -> MoveRsp {
    let not_yet = MoveRsp::default();
    let own = &app.ownership;
    let Some((room, slot)) = own.room_of(&req.lease) else {
        return own.users.give(app, &asker, req).await;
    };
    let table = room.table();
    let put_off = || !app.draining.is_cancelled() && table.put_off.is(slot, app.env.now());
    if !may_go(app, table, slot, &asker) || put_off() {
        return not_yet;
    }
    let deadline = app.env.now() + own.config.move_time();
    let Some(Ok(_turn)) = app.env.until(deadline, own.giving.acquire()).await else {
        return not_yet;
    };
    // The view may have changed meanwhile.
    if !may_go(app, table, slot, &asker) {
        return not_yet;
    }
    let Some(session) = own.session() else { return not_yet };
    let Some(held) = table.begin_leaving(slot, req.epoch, &asker.app) else {
        // Rule 22: it may have been transferred to this app, which has not heard of it; or granted to it anew, by a request of its own
        // whose answer was lost, or that came late.
        if table.held_under(slot).is_none_or(|epoch| epoch < req.epoch) {
            own.doubt(table, slot, req.epoch);
        }
        return not_yet;
    };
    let leaving = Leaving { app, own, room, slot, held, session, asker };
    leaving.give(req.at_least).await
}

/// Rule 17: only when our own view names the asker; so two apps with different views do not pull a slot to and fro.
fn may_go(app: &AppInner, table: &SlotTable, slot: u32, asker: &Holder) -> bool {
    let places = app.mesh.places(table.actor);
    let is_named = places.is_some_and(|places| places.owner(slot) == asker.app.as_str());
    is_named && (!table.pinned || app.draining.is_cancelled())
}

/// A slot on its way to another app.
struct Leaving<'a> {
    app: &'a Arc<AppInner>,
    own: &'a Ownership,
    room: &'a Arc<dyn Owned>,
    slot: u32,
    held: Holding,
    session: Arc<LeaseSession>,
    asker: Holder,
}

impl Leaving<'_> {
    async fn give(&self, asker_had: u64) -> MoveRsp {
        let (env, asker) = (&self.app.env, &self.asker);
        let began = env.now();
        let deadline = began + self.own.config.move_time();
        let left = env.until(deadline, self.room.leave(self.slot, &asker.app, env)).await;
        let Some(Some(payloads)) = left else {
            self.stay();
            return MoveRsp::default();
        };
        if asker_had >= self.held.epoch {
            // Rule 17: the lease service has forgotten epochs. Both acquire anew.
            return self.release().await;
        }
        let handover = Handover {
            app: self.app,
            session: &self.session,
            lease: self.lease(),
            held: self.held,
        };
        if env.until(deadline, handover.offer(asker, payloads)).await != Some(true) {
            self.stay();
            return MoveRsp::default();
        }
        let moved = self.transfer(&handover).await;
        if moved.epoch > 0 {
            let took = env.now().saturating_duration_since(began);
            self.room.table().meters.moves.observe(took.as_secs_f64());
        }
        moved
    }

    async fn transfer(&self, handover: &Handover<'_>) -> MoveRsp {
        let transferred = handover.transfer(&self.asker).await;
        self.own.heard(self.app, &self.session);
        match transferred {
            Some(Ok(Transferred::Done(epoch))) => {
                self.gone(Some((self.asker.clone(), epoch)));
                self.app.counters.slots_given.add(1);
                return MoveRsp { epoch, offer: self.held.offers };
            }
            Some(Ok(Transferred::NotYours(holding))) => {
                self.gone(holding.map(|holding| (holding.holder, holding.epoch)));
            }
            Some(Err(error)) if error.kind == LeaseErrorKind::Expired => self.stay(),
            // Also where the service knows no session of the asker: a copy of the request may come later, when it does.
            Some(Ok(Transferred::NobodyThere) | Err(_)) | None => self.ask_until_known().await,
        }
        MoveRsp::default()
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

    async fn release(&self) -> MoveRsp {
        let grant = [(Arc::clone(self.lease()), self.held.epoch)];
        let deadline = self.app.env.now() + self.own.config.move_time();
        let _free_or_not = self.app.env.until(deadline, self.session.release(&grant)).await;
        let asker = &self.asker;
        tracing::warn!(lease = %self.lease(), %asker, "the lease backend has forgotten epochs: a slot is acquired anew");
        self.gone(None);
        MoveRsp::default()
    }

    fn gone(&self, to: Option<(Holder, u64)>) {
        self.room.table().put_off.forget(self.slot);
        let app = to.as_ref().map(|(holder, _)| holder.app.clone());
        self.room.table().gone(self.slot, to);
        self.room.drop_slot(self.slot, app.as_ref());
        // The last of many: the keeper says in the log how many there were.
        if self.room.table().counts().moving == 0 {
            self.own.wake.notify_one();
        }
    }

    /// The slot is served here again, unless the session has run out meanwhile.
    fn stay(&self) {
        // A move that fails again and again, for the store does not take what an actor has changed, must not stop it each time.
        let (now, config) = (self.app.env.now(), &self.own.config);
        let pause = self.room.table().put_off.failed(self.slot, now, config);
        let (lease, to) = (self.lease(), &self.asker.app);
        tracing::warn!(%lease, %to, ?pause, "a move was abandoned; the slot is served here, and given after a pause");
        if self.room.table().stay(self.slot, self.own.is_valid(&self.app.env)) {
            Arc::clone(self.room).serve(self.app, self.slot, Vec::new());
        }
        self.own.wake.notify_one();
    }

    fn lease(&self) -> &guildhall_core::store::LeaseId {
        &self.room.table().leases[self.slot as usize]
    }
}
