//! What breaks: crashes, panics, pauses, cuts, lapses, lost epochs.

use super::leases::{expire, free_all};
use super::{App, World};
use crate::scenario::Scenario;

impl Scenario {
    pub(super) fn crash(w: &mut World, app: u8) {
        let me = w.app(app);
        let (life, view) = (me.life, me.view);
        *w.app_mut(app) = App { life, view, ..App::default() };
        w.witness.disturbed = true;
    }

    /// Rule 1: the next life is another holder. That of before expires.
    pub(super) fn restart(&self, w: &mut World, app: u8) {
        let life = w.app(app).life + 1;
        *w.app_mut(app) = App { up: true, session: true, life, view: w.view, ..App::default() };
        w.sessions[app as usize] |= 1 << life;
    }

    pub(super) fn panic(w: &mut World, app: u8, key: u8) {
        w.app_mut(app).actors[key as usize] = None;
        w.witness.disturbed = true;
    }

    /// Rule 3 broken: epochs and holders are gone. Who was alive opens its session again.
    pub(super) fn reset(w: &mut World) {
        for app in 0..super::APPS {
            for life in 0..8 {
                if w.sessions[app] & (1 << life) != 0 {
                    free_all(w, u8::try_from(app).unwrap_or_default(), life);
                }
            }
            w.sessions[app] = 0;
        }
        for lease in &mut w.leases {
            lease.counter = 0;
        }
        w.witness.disturbed = true;
    }

    /// The service begins anew and knows the epochs, but no holder.
    pub(super) fn forget_holders(w: &mut World) {
        for app in 0..super::APPS {
            w.promised[app] |= w.sessions[app];
            w.sessions[app] = 0;
        }
        for lease in &mut w.leases {
            lease.holding = None;
        }
        w.witness.disturbed = true;
    }

    /// Lives whose session the service lets go: nothing keeps it alive. With broken clocks also one that is kept.
    pub(super) fn expiring(&self, w: &World) -> Vec<(u8, u8, bool)> {
        let mut found = Vec::new();
        for app in 0..self.apps {
            for life in 0..8 {
                if !w.has_session(app, life) || !super::leases::holds_any(w, app, life) {
                    continue;
                }
                let me = w.app(app);
                let kept = me.life == life && me.up && !me.paused && !me.cut && me.session;
                if !kept || self.broken_clock && w.faults.lapse > 0 {
                    found.push((app, life, kept));
                }
            }
        }
        found
    }

    pub(super) fn let_expire(&self, w: &mut World, app: u8, life: u8) {
        // With a grant that its holder has not heard of goes the payload that was parked for it.
        let unheard = |slot: u8| {
            let holding = w.leases[slot as usize].holding;
            let its = holding.is_some_and(|h| (h.app, h.life) == (app, life) && h.from.is_some());
            its && w.held(app, slot).is_none()
        };
        w.witness.disturbed |= (0..self.slots).any(unheard);
        expire(w, app, life);
    }
}
