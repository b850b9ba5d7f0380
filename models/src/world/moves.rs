//! A planned move: asked for, saved, offered, transferred (rules 16 to 22).

use super::{Epoch, Leaving, Message, Origin, Parked, Transferred, World};
use crate::rules::{Handover, TakeBack};
use crate::scenario::Scenario;

/// Who asks for a slot.
#[derive(Clone, Copy)]
pub(super) struct Asker {
    pub app: u8,
    pub life: u8,
    pub largest: Epoch,
}

impl Scenario {
    /// Rule 16: the app that the view names asks the holder. It says the largest epoch that it has **held**: one that it knows from
    /// the holder's own row would make the holder give its grant back, and lose its memory.
    pub(super) fn ask(&self, w: &mut World, app: u8, slot: u8) {
        let Some(holding) = w.leases[slot as usize].holding else { return };
        let me = w.app(app);
        let largest = if self.rules.says_largest { me.largest[slot as usize] } else { 0 };
        let (life, to, epoch) = (me.life, holding.app, holding.epoch);
        w.send(Message::Move { slot, from: app, life, to, epoch, largest });
    }

    /// Rule 17: the holder obeys only if its own view agrees, and the holding is the present one.
    pub(super) fn asked(&self, w: &mut World, me: u8, slot: u8, asker: Asker, of: Epoch) {
        let Some(held) = w.held(me, slot).copied() else { return };
        if !w.app(me).session
            || self.rules.own_view_agrees && self.target(w.app(me).view, slot) != asker.app
        {
            return;
        }
        if self.rules.names_the_holding && held.epoch != of {
            // The service has granted it anew, and the answer was lost: it is asked.
            if self.rules.larger_is_doubted {
                let told = &mut w.app_mut(me).told[slot as usize];
                *told = of.max(*told);
            }
            return;
        }
        // The service has lost epochs: both acquire anew.
        if held.epoch <= asker.largest {
            let told = &mut w.app_mut(me).told[slot as usize];
            *told = asker.largest.max(*told);
            return self.give_back(w, me, slot);
        }
        if held.leaving.is_some() {
            return;
        }
        // Rule 18: intake stops; an activation that has not begun does not begin.
        for key in self.keys_of(slot) {
            if w.actor(me, key).is_none() {
                w.app_mut(me).claims[key as usize] = None;
            }
        }
        let Some(held) = w.held_mut(me, slot) else { return };
        held.offers += 1;
        held.leaving = Some(Leaving {
            to: asker.app,
            life: asker.life,
            number: held.offers,
            acknowledged: false,
            sent: false,
        });
    }

    /// One step of giving the slot up. False: there is nothing to do now.
    pub(super) fn leave(&self, w: &mut World, me: u8, slot: u8) -> bool {
        let Some(held) = w.held(me, slot).copied() else { return false };
        let Some(leaving) = held.leaving.filter(|leaving| !leaving.sent) else { return false };
        // Rule 18: calls and reads end, and the last save is committed, before anything is handed over.
        for key in self.keys_of(slot) {
            let Some(actor) = w.actor(me, key).copied() else { continue };
            let busy = actor.turn.is_some()
                || actor.read.is_some()
                || !self.is_active(w, me, key)
                || self.rules.save_first && actor.pending.is_some();
            if busy {
                return false;
            }
            if self.rules.save_first && (actor.dirty || actor.waiting != 0) {
                self.flush(w, me, key);
                return true;
            }
        }
        let of = (held.epoch, leaving.number);
        let payload = Parked { of, memory: self.payload(w, me, slot) };
        let Leaving { to, life, .. } = leaving;
        let offer = Message::Offer { slot, from: me, to, life, payload };
        if self.rules.handover == Handover::Answer {
            w.send(offer);
            let life = w.app(me).life;
            w.send(Message::Release { slot, app: me, life, epoch: held.epoch });
            w.witness.moves[slot as usize] += 1;
            self.forget_slot(w, me, slot);
        } else if leaving.acknowledged {
            self.transfer(w, me, slot, of, leaving);
        } else {
            // Rule 19: offers are repeated until they are acknowledged.
            let acknowledged = Message::Acknowledged { slot, to: me, of };
            if w.net.binary_search(&offer).is_ok() || w.net.binary_search(&acknowledged).is_ok() {
                return false;
            }
            w.send(offer);
        }
        true
    }

    /// What is in memory only, of each key of the slot. Rule 21: also what came with the slot and nobody has used.
    fn payload(&self, w: &World, me: u8, slot: u8) -> [Option<(Epoch, u8)>; super::KEYS] {
        let unused = w.held(me, slot).and_then(|held| held.unused);
        let unused = unused.filter(|_| self.rules.unused_is_offered);
        let mut memory = unused.map(|parked| parked.memory).unwrap_or_default();
        for key in self.keys_of(slot) {
            if let Some(actor) = w.actor(me, key) {
                memory[key as usize] = Some((actor.token.epoch, actor.memory));
            }
        }
        memory
    }

    /// Rule 19: the service moves the id in one step.
    fn transfer(&self, w: &mut World, me: u8, slot: u8, of: Origin, leaving: Leaving) {
        let (life, Leaving { to, life: to_life, .. }) = (w.app(me).life, leaving);
        if self.transfers_travel {
            if let Some(leaving) = w.held_mut(me, slot).and_then(|held| held.leaving.as_mut()) {
                leaving.sent = true;
            }
            return w.send(Message::Transfer { slot, from: me, life, of, to, to_life });
        }
        let done = self.service_transfer(w, slot, (me, life), of, (to, to_life));
        self.transferred(w, me, slot, of, done);
    }

    pub(super) fn transferred(
        &self,
        w: &mut World,
        me: u8,
        slot: u8,
        of: Origin,
        done: Transferred,
    ) {
        let leaving = w.held(me, slot).filter(|held| held.epoch == of.0);
        if leaving.and_then(|held| held.leaving).is_none_or(|leaving| leaving.number != of.1) {
            return;
        }
        match done {
            Transferred::Done => self.forget_slot(w, me, slot),
            Transferred::NotYours => self.drop_slot(w, me, slot),
            // Another copy of the request may still be on its way.
            Transferred::NobodyThere if self.transfers_travel => self.take_back(w, me, slot),
            Transferred::NobodyThere => self.abort(w, me, slot),
        }
    }

    /// Rule 19: the asker parks the payload, and says so.
    pub(super) fn offered(&self, w: &mut World, me: u8, slot: u8, from: u8, payload: Parked) {
        let app = w.app_mut(me);
        if self.rules.offer_is_newer && payload.of.0 <= app.largest[slot as usize] {
            return;
        }
        let parked = &mut app.parked[slot as usize];
        if self.rules.offers_in_order && parked.is_some_and(|parked| payload.of < parked.of) {
            return;
        }
        *parked = Some(payload);
        if self.rules.handover == Handover::Offer {
            w.send(Message::Acknowledged { slot, to: from, of: payload.of });
        }
    }

    pub(super) fn acknowledged(w: &mut World, me: u8, slot: u8, of: Origin) {
        let Some(held) = w.held_mut(me, slot).filter(|held| held.epoch == of.0) else { return };
        if let Some(leaving) = held.leaving.as_mut().filter(|leaving| leaving.number == of.1) {
            leaving.acknowledged = true;
        }
    }

    /// Rule 20: nothing was sent to the service; the holder resumes, and the offer is void.
    pub(super) fn abort(&self, w: &mut World, me: u8, slot: u8) {
        if let Some(held) = w.held_mut(me, slot) {
            held.leaving = None;
        }
    }

    /// Rule 20: `transfer` was sent and is not answered. Only a new grant keeps a late `transfer` from moving the slot away from
    /// a holder that serves again.
    pub(super) fn take_back(&self, w: &mut World, me: u8, slot: u8) {
        match self.rules.take_back {
            TakeBack::ByGrant => self.acquire(w, me, slot, true),
            TakeBack::AfterLook if !self.is_lawful(w, me, slot) => self.drop_slot(w, me, slot),
            TakeBack::AfterLook | TakeBack::Blindly => self.abort(w, me, slot),
        }
    }
}
