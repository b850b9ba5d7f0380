//! Answers requests of other apps: hands over slots, and parks the payloads that they offer (rules 17 to 20).

use std::sync::Arc;

use guildhall_core::AppId;
use guildhall_core::leases::{LeaseErrorKind, LeaseSession, Transferred};
use guildhall_core::store::{Holder, LeaseId};

use crate::handover::Handover;
use crate::host::SlotHost;
use crate::mesh::{HandedOver, MoveRequest, Offer};
use crate::ownership::Ownership;
use crate::slots::{Holding, SlotTable};

impl Ownership {
    /// Answers a request of `asker` to hand a lease over; `None` when it is not handed over now.
    ///
    /// # Cancel safety
    /// Dropped, the handover goes on: it runs in a task of its own, because what has begun must not end half-way.
    pub async fn answer_move(
        self: &Arc<Self>,
        asker: Holder,
        request: MoveRequest,
    ) -> Option<HandedOver> {
        let own = Arc::clone(self);
        let giving = self.env.spawn("give", async move { own.give(asker, &request).await });
        giving.await.ok().flatten().flatten()
    }

    /// Parks what the holder of a lease offers to this incarnation of the app; whether it was parked (rule 19).
    pub fn take_offer(&self, offer: Offer) -> bool {
        if offer.to != self.holder.incarnation {
            return false;
        }
        match self.host_of(&offer.lease) {
            Some((host, slot)) => host.table().park(slot, offer),
            None => self.game.park(&offer.lease, offer.from, offer.payloads),
        }
    }

    async fn give(&self, asker: Holder, request: &MoveRequest) -> Option<HandedOver> {
        let Some((host, slot)) = self.host_of(&request.lease) else {
            return self.give_game_lease(&asker, request).await;
        };
        let table = host.table();
        let put_off = || !self.draining.is_cancelled() && table.put_off.is(slot, self.env.now());
        if !self.may_give(table, slot, &asker.app) || put_off() {
            return None;
        }
        let deadline = self.env.now() + self.config.move_time();
        let Some(Ok(_turn)) = self.env.until(deadline, self.giving.acquire()).await else {
            return None;
        };
        // The membership may have changed meanwhile.
        if !self.may_give(table, slot, &asker.app) {
            return None;
        }
        let session = self.session()?;
        let Some(held) = table.begin_leaving(slot, request.epoch, &asker.app) else {
            // Rule 22: the slot may have been transferred to this app, which has not heard of it; or granted to it anew, by a request of
            // its own whose answer was lost, or that came late.
            if table.held_under(slot).is_none_or(|epoch| epoch < request.epoch) {
                self.doubt(table, slot, request.epoch);
            }
            return None;
        };
        let leaving = Leaving { own: self, host: &**host, slot, held, session, asker };
        leaving.give(request.at_least).await
    }

    /// Rule 17: only when the asker is the target by our own membership, so that two apps with different memberships do not pull a slot to
    /// and fro.
    fn may_give(&self, table: &SlotTable, slot: u32, asker: &AppId) -> bool {
        let may_move = !table.pinned || self.draining.is_cancelled();
        may_move && self.belongs_to(table, slot, asker)
    }

    fn belongs_to(&self, table: &SlotTable, slot: u32, app: &AppId) -> bool {
        let targets = self.mesh.targets(table.actor());
        targets.is_some_and(|targets| targets.target(slot) == app.as_str())
    }
}

/// A slot on its way to another app.
struct Leaving<'a> {
    own: &'a Ownership,
    host: &'a dyn SlotHost,
    slot: u32,
    held: Holding,
    session: Arc<LeaseSession>,
    asker: Holder,
}

impl Leaving<'_> {
    async fn give(&self, asker_had: u64) -> Option<HandedOver> {
        let (env, asker) = (&self.own.env, &self.asker);
        let began = env.now();
        let deadline = began + self.own.config.move_time();
        let left = env.until(deadline, self.host.leave_slot(self.slot, &asker.app)).await;
        let Some(Some(payloads)) = left else {
            self.stay();
            return None;
        };
        if asker_had >= self.held.epoch {
            // Rule 17: the lease backend has forgotten epochs. Both acquire anew.
            self.release().await;
            return None;
        }
        let (own, session, lease) = (self.own, &*self.session, self.lease());
        let handover = Handover { own, session, lease, held: self.held };
        if env.until(deadline, handover.offer(asker, payloads)).await != Some(true) {
            self.stay();
            return None;
        }
        let moved = self.transfer(&handover).await?;
        let took = env.now().saturating_duration_since(began);
        self.host.table().meters.moves.observe(took.as_secs_f64());
        Some(moved)
    }

    async fn transfer(&self, handover: &Handover<'_>) -> Option<HandedOver> {
        match handover.transfer(&self.asker).await {
            Some(Ok(Transferred::Done(epoch))) => {
                self.gone(Some((self.asker.clone(), epoch)));
                self.own.meters.slots_given.add(1);
                return Some(handover.done(epoch));
            }
            Some(Ok(Transferred::NotYours(holding))) => {
                self.gone(holding.map(|holding| (holding.holder, holding.epoch)));
            }
            Some(Err(error)) if error.kind == LeaseErrorKind::Expired => self.stay(),
            // Also where the backend knows no session of the asker: a copy of the request may come later, when it does.
            Some(Ok(Transferred::NobodyThere) | Err(_)) | None => self.ask_until_known().await,
        }
        None
    }

    /// Rule 20: after `transfer` was sent nothing resumes here until the backend has told which app holds the id; and then under a new
    /// grant, which a late `transfer` does not name.
    async fn ask_until_known(&self) {
        loop {
            let Some(session) = self.own.session() else {
                self.stay();
                return;
            };
            let slots = [(self.slot, self.held.epoch)];
            if self.own.acquire(&session, self.host, &slots).await {
                return;
            }
            self.own.env.sleep(self.own.config.poll()).await;
        }
    }

    async fn release(&self) {
        let grant = [(Arc::clone(self.lease()), self.held.epoch)];
        let deadline = self.own.env.now() + self.own.config.move_time();
        let _free_or_not = self.own.env.until(deadline, self.session.release(&grant)).await;
        let asker = &self.asker;
        tracing::warn!(lease = %self.lease(), %asker, "lease backend lost its epochs; slot released, to be acquired anew");
        self.gone(None);
    }

    fn gone(&self, to: Option<(Holder, u64)>) {
        let table = self.host.table();
        table.put_off.forget(self.slot);
        let app = to.as_ref().map(|(holder, _)| holder.app.clone());
        table.gone(self.slot, to);
        self.host.drop_slot(self.slot, app.as_ref());
        // The last of many: the keeper logs how many there were.
        if table.counts().moving == 0 {
            self.own.wake.notify_one();
        }
    }

    /// The move is abandoned: the slot is served here again, unless the session has run out meanwhile.
    fn stay(&self) {
        // A move that fails again and again, because the store is down, must not stop the actors each time.
        let (now, config) = (self.own.env.now(), &self.own.config);
        let table = self.host.table();
        let pause = table.put_off.abandoned(self.slot, now, config);
        let (lease, to) = (self.lease(), &self.asker.app);
        if self.own.belongs_to(table, self.slot, to) {
            tracing::warn!(%lease, %to, ?pause, "move abandoned; slot still served here, next try after a pause");
        } else {
            // As when a whole cluster ends: the app that asked drains, or has ended.
            tracing::info!(%lease, %to, "move abandoned, since the slot has another target by now; slot still served here");
        }
        if table.stay(self.slot, self.own.is_valid()) {
            self.host.serve_slot(self.slot, Vec::new());
        }
        self.own.wake.notify_one();
    }

    fn lease(&self) -> &LeaseId {
        self.host.table().lease(self.slot)
    }
}
