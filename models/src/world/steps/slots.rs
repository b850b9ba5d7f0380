//! What can happen to a slot at an app: it is sought, held, given up.

use super::Step;
use crate::rules::Handover;
use crate::scenario::Scenario;
use crate::world::{Held, Leaving, Message, World};

impl Scenario {
    pub(super) fn steps_of_slot(&self, w: &World, app: u8, slot: u8, out: &mut Vec<Step>) {
        let me = w.app(app);
        let named = self.target(me.view, slot) == app;
        match w.held(app, slot) {
            Some(_) if !self.rules.lease && !named => out.push(Step::Forget { app, slot }),
            // Rule 6: the service names another, and not by a transfer of ours.
            Some(held) if self.is_overtaken(w, app, slot, held) => {
                let told = self.rules.expired_for_good || w.leases[slot as usize].holding.is_some();
                out.extend(told.then_some(Step::Forget { app, slot }));
            }
            Some(held) => {
                if self.is_granted_anew(w, app, slot, held) {
                    out.push(Step::Acquire { app, slot });
                }
                if w.faults.late > 0 && self.is_named(w, app, slot) && self.may_grant(w, slot) {
                    out.push(Step::LateAcquire { app, slot });
                }
                if let Some(leaving) = held.leaving {
                    self.steps_of_leaving(w, (app, slot), held, leaving, out);
                }
            }
            // Who has no session is told so when it asks, and opens one first.
            None if me.session && !me.cut && w.has_session(app, me.life) => {
                self.steps_of_seeker(w, app, slot, out);
            }
            None => {}
        }
    }

    /// The service has told that this grant is not the present one.
    fn is_overtaken(&self, w: &World, app: u8, slot: u8, held: &Held) -> bool {
        let me = w.app(app);
        let told =
            self.rules.lease && me.session && !me.cut && held.leaving.is_none_or(|l| !l.sent);
        told && w.has_session(app, me.life)
            && !self.is_lawful(w, app, slot)
            && !self.is_named(w, app, slot)
    }

    /// Whether the service names this app in its present life, whatever the epoch.
    fn is_named(&self, w: &World, app: u8, slot: u8) -> bool {
        let holding = w.leases[slot as usize].holding;
        self.rules.lease && holding.is_some_and(|of| (of.app, of.life) == (app, w.app(app).life))
    }

    fn may_grant(&self, w: &World, slot: u8) -> bool {
        w.leases[slot as usize].counter < self.last_epoch && !self.waits(w)
    }

    /// Rule 17: somebody has asked for the slot with a larger epoch than this app has it under.
    fn is_granted_anew(&self, w: &World, app: u8, slot: u8, held: &Held) -> bool {
        let me = w.app(app);
        let told = me.told[slot as usize] > held.epoch && held.leaving.is_none();
        let asks = me.session && !me.cut && w.has_session(app, me.life);
        told && asks && self.is_named(w, app, slot) && self.may_grant(w, slot)
    }

    fn steps_of_leaving(
        &self,
        w: &World,
        (app, slot): (u8, u8),
        held: &Held,
        leaving: Leaving,
        out: &mut Vec<Step>,
    ) {
        let me = w.app(app);
        if !me.session || me.cut {
            return;
        }
        if leaving.sent {
            let of = (held.epoch, leaving.number);
            let open = w.net.iter().any(|message| match message {
                Message::Transfer { slot: s, of: o, .. }
                | Message::Transferred { slot: s, of: o, .. } => (*s, *o) == (slot, of),
                _ => false,
            });
            if self.may_grant(w, slot) {
                if !open {
                    out.push(Step::TakeBack { app, slot, fault: false });
                } else if w.faults.abort > 0 {
                    out.push(Step::TakeBack { app, slot, fault: true });
                }
            }
            return;
        }
        if self.leave(&mut w.clone(), app, slot) {
            out.push(Step::Leave { app, slot });
        }
        let target = w.app(leaving.to);
        if self.rules.handover == Handover::Offer {
            if !target.up || target.life != leaving.life {
                out.push(Step::Abort { app, slot, fault: false });
            } else if w.faults.abort > 0 {
                out.push(Step::Abort { app, slot, fault: true });
            }
        }
    }

    /// Rules 16 and 22: the app that its view names acquires, or asks the holder.
    fn steps_of_seeker(&self, w: &World, app: u8, slot: u8, out: &mut Vec<Step>) {
        let named = self.target(w.app(app).view, slot) == app;
        let lease = w.leases[slot as usize];
        let more = self.may_grant(w, slot);
        match lease.holding {
            _ if !self.rules.lease => {
                out.extend(named.then_some(Step::Acquire { app, slot }));
            }
            None if named && more => {
                out.push(Step::Acquire { app, slot });
                if w.faults.loss > 0 {
                    out.push(Step::LoseGrant { app, slot });
                }
            }
            None => {}
            Some(holding) if self.is_holder(w, app, slot) => {
                // Rule 21: it learns of a transfer by asking, or by a watch.
                let seeks = named || holding.from.is_some() || self.rules.unknown_is_asked_for;
                let asks = seeks.then_some(Step::Acquire { app, slot });
                out.extend(if more { asks } else { seeks.then_some(Step::Learn { app, slot }) });
            }
            Some(holding) => {
                let asked = w.net.iter().any(|message| {
                    matches!(message, Message::Move { slot: s, from, to, .. }
                        if (*s, *from, *to) == (slot, app, holding.app))
                });
                if named && holding.app != app && !asked {
                    out.push(Step::Ask { app, slot });
                }
                let suspended = self.keys_of(slot).any(|key| w.actor(app, key).is_some());
                if suspended {
                    out.push(Step::Forget { app, slot });
                }
            }
        }
    }
}
