//! What an app knows of its grants: it acquires, is suspended at its deadline, and comes back.

use super::leases::free_all;
use super::{Actor, Held, Holding, Read, World};
use crate::scenario::Scenario;

impl Scenario {
    /// Asks for an id; the answer may be lost.
    pub(super) fn acquire(&self, w: &mut World, app: u8, slot: u8, answered: bool) {
        let was_free = w.leases[slot as usize].holding.is_none();
        let Some(grant) = self.service_acquire(w, app, slot) else {
            // Rule 6: the service says that another holds it, by our own transfer or not.
            let of = w.held(app, slot).and_then(|held| Some((held.epoch, held.leaving?.number)));
            let from = w.leases[slot as usize].holding.and_then(|holding| holding.from);
            if from.is_some() && from == of {
                return self.forget_slot(w, app, slot);
            }
            return self.drop_slot(w, app, slot);
        };
        // Who takes over from one that expired has none of its memory.
        let keys: Vec<u8> = self.keys_of(slot).collect();
        let others = (0..self.apps).filter(|other| *other != app).any(|other| {
            w.held(other, slot).is_some() || keys.iter().any(|key| w.actor(other, *key).is_some())
        });
        w.witness.disturbed |= was_free && others;
        if answered {
            self.granted(w, app, slot, grant);
        }
    }

    pub(super) fn granted(&self, w: &mut World, app: u8, slot: u8, grant: Holding) {
        let known = w.app(app).largest[slot as usize];
        // What was not used under the grant before goes on, as nobody was there in between.
        let kept = w.held(app, slot).and_then(|held| held.unused);
        let app = w.app_mut(app);
        let parked = app.parked[slot as usize].take();
        // Rule 21: only what the grant names; in every other case it is thrown away.
        let named =
            |of| grant.from == Some(of) && (grant.epoch > known || !self.rules.offer_is_newer);
        let unused = parked.filter(|parked| !self.rules.payload_of_grant || named(parked.of));
        app.slots[slot as usize] =
            Some(Held { epoch: grant.epoch, offers: 0, leaving: None, unused: unused.or(kept) });
        app.largest[slot as usize] = known.max(grant.epoch);
    }

    /// Rule 6: at the deadline nothing is served or written any more.
    pub(super) fn lapse(&self, w: &mut World, app: u8) {
        w.app_mut(app).session = false;
        for key in 0..self.keys {
            w.app_mut(app).claims[key as usize] = None;
            if let Some(actor) = w.actor_mut(app, key) {
                (actor.read, actor.turn) = (None::<Read>, None);
            }
        }
        if !self.suspends {
            w.witness.disturbed = true;
            for slot in 0..self.slots {
                self.drop_slot(w, app, slot);
            }
        }
    }

    /// A keep-alive succeeds after all: the service has not let the session expire, so that nobody else was granted anything.
    pub(super) fn revive(&self, w: &mut World, app: u8) {
        w.app_mut(app).session = true;
        for key in 0..self.keys {
            self.flush(w, app, key);
        }
    }

    /// Rule 4: an expired session is opened anew, without what it held. Activations stay, suspended.
    pub(super) fn reopen(w: &mut World, app: u8) {
        let life = w.app(app).life;
        free_all(w, app, life);
        w.sessions[app as usize] |= 1 << life;
        let lost = w.app(app).slots.iter().flatten().any(|held| held.unused.is_some());
        w.witness.disturbed |= lost;
        let app = w.app_mut(app);
        app.session = true;
        app.slots = Default::default();
    }

    /// Rule 4 switched off: a late keep-alive renews what nobody has taken.
    pub(super) fn renew(&self, w: &mut World, app: u8) {
        let life = w.app(app).life;
        w.sessions[app as usize] |= 1 << life;
        for slot in 0..self.slots {
            if let Some(epoch) = w.held(app, slot).map(|held| held.epoch) {
                let lease = &mut w.leases[slot as usize];
                lease.holding.get_or_insert(Holding { app, life, epoch, from: None });
            }
        }
    }

    /// Nothing of the slot is left in this app. Only after a transfer is that no loss.
    pub(super) fn drop_slot(&self, w: &mut World, app: u8, slot: u8) {
        let keys: Vec<u8> = self.keys_of(slot).collect();
        let memory = |actor: Option<&Actor>| actor.is_some_and(|a| a.memory != 0 || a.dirty);
        let lost = keys.iter().any(|key| memory(w.actor(app, *key)))
            || w.held(app, slot).is_some_and(|held| held.unused.is_some());
        w.witness.disturbed |= lost;
        self.forget_slot(w, app, slot);
    }

    pub(super) fn forget_slot(&self, w: &mut World, app: u8, slot: u8) {
        for key in self.keys_of(slot) {
            w.app_mut(app).actors[key as usize] = None;
            w.app_mut(app).claims[key as usize] = None;
        }
        w.app_mut(app).slots[slot as usize] = None;
    }
}
