//! The lease service: one atomic step per operation; sessions expire with all that they hold.

use super::{Epoch, Holding, Origin, Transferred, World};
use crate::scenario::Scenario;

impl Scenario {
    /// Whether the service names this life of the app as the holder.
    pub(super) fn is_holder(&self, w: &World, app: u8, slot: u8) -> bool {
        // Rule 1: the app in this life.
        let same = |h: Holding| h.life == w.app(app).life || !self.rules.life_in_holder;
        w.leases[slot as usize].holding.is_some_and(|h| h.app == app && same(h))
    }

    /// Rule 33: whether nothing is granted now, as it may be another's still.
    pub(super) fn waits(&self, w: &World) -> bool {
        self.rules.restart_waits && w.is_any_promised()
    }

    /// Whether the app's grant is the present one.
    pub(super) fn is_lawful(&self, w: &World, app: u8, slot: u8) -> bool {
        let epoch = w.held(app, slot).map(|held| held.epoch);
        let present = w.leases[slot as usize].holding.map(|holding| holding.epoch);
        epoch.is_some() && (!self.rules.lease || self.is_holder(w, app, slot) && epoch == present)
    }

    /// Gives the id to an app, or tells that somebody else has it.
    pub(super) fn service_acquire(&self, w: &mut World, app: u8, slot: u8) -> Option<Holding> {
        let life = w.app(app).life;
        if !self.rules.lease {
            return Some(Holding { app, life, epoch: 1, from: None });
        }
        let from = match w.leases[slot as usize].holding {
            Some(_) if !self.is_holder(w, app, slot) => return None,
            // Rule 2 switched off, or rule 1: the same grant again.
            Some(own) if !self.rules.fresh_epochs || own.life != life => return Some(own),
            // Whoever holds it keeps where it comes from: it may not have heard of the transfer.
            Some(own) => own.from,
            None => None,
        };
        let me = w.app(app);
        let held = if self.rules.says_largest { me.largest[slot as usize] } else { 0 };
        let at_least = if self.rules.at_least { held.max(me.told[slot as usize]) } else { 0 };
        Some(grant(w, slot, (app, life), at_least, from))
    }

    /// Rules 4 and 19: compares holder and epoch, and names the offer that goes with the id.
    pub(super) fn service_transfer(
        &self,
        w: &mut World,
        slot: u8,
        from: (u8, u8),
        of: Origin,
        to: (u8, u8),
    ) -> Transferred {
        let present = w.leases[slot as usize].holding;
        if present.is_none_or(|h| (h.app, h.life, h.epoch) != (from.0, from.1, of.0)) {
            return Transferred::NotYours;
        }
        if !w.has_session(to.0, to.1) {
            return Transferred::NobodyThere;
        }
        grant(w, slot, to, 0, Some(of));
        w.witness.moves[slot as usize] += 1;
        Transferred::Done
    }

    pub(super) fn service_release(&self, w: &mut World, slot: u8, holder: (u8, u8), epoch: Epoch) {
        let lease = &mut w.leases[slot as usize];
        // Rule 4: a late release changes nothing.
        let same = |h: Holding| (h.app, h.life, h.epoch) == (holder.0, holder.1, epoch);
        if !self.rules.release_compares || lease.holding.is_some_and(same) {
            lease.holding = None;
        }
    }
}

/// Rules 2 and 3: an epoch above all earlier ones.
fn grant(w: &mut World, slot: u8, to: (u8, u8), at_least: Epoch, from: Option<Origin>) -> Holding {
    let lease = &mut w.leases[slot as usize];
    lease.counter = lease.counter.max(at_least) + 1;
    let holding = Holding { app: to.0, life: to.1, epoch: lease.counter, from };
    lease.holding = Some(holding);
    holding
}

/// Frees all that a session holds, because it is over or is opened again.
pub(super) fn free_all(w: &mut World, app: u8, life: u8) {
    for lease in &mut w.leases {
        lease.holding.take_if(|holding| (holding.app, holding.life) == (app, life));
    }
}

/// Ends a session for good (rule 4).
pub(super) fn expire(w: &mut World, app: u8, life: u8) {
    w.sessions[app as usize] &= !(1 << life);
    free_all(w, app, life);
}

pub(super) fn holds_any(w: &World, app: u8, life: u8) -> bool {
    w.leases.iter().any(|lease| {
        lease.holding.is_some_and(|holding| (holding.app, holding.life) == (app, life))
    })
}
