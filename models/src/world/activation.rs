//! An activation begins, or goes on after a suspension, by a claim (rules 6 and 8).

use super::{Actor, Fields, Message, Row, Token, World};
use crate::rules::{Batch, Resume};
use crate::scenario::Scenario;

impl Scenario {
    /// Whether the app may serve and write the key, as far as it knows.
    pub(super) fn is_active(&self, w: &World, app: u8, key: u8) -> bool {
        let slot = self.slot_of[key as usize];
        let epoch = w.held(app, slot).map(|held| held.epoch);
        w.app(app).session
            && w.actor(app, key).is_some_and(|actor| Some(actor.token.epoch) == epoch)
    }

    pub(super) fn is_suspended(&self, w: &World, app: u8, key: u8) -> bool {
        w.actor(app, key).is_some() && !self.is_active(w, app, key)
    }

    /// Sends the claim of a new activation number; the one that was asked for before is not waited for any more.
    pub(super) fn claim(&self, w: &mut World, a: u8, key: u8) {
        let slot = self.slot_of[key as usize];
        let Some(epoch) = w.held(a, slot).map(|held| held.epoch) else { return };
        let app = w.app_mut(a);
        app.activations += 1;
        // Rule 8: each activation has its own number, also after a panic on the same grant.
        let activation = if self.rules.activation_in_token { app.activations } else { 0 };
        let token = Token { epoch, app: a, life: app.life, activation };
        app.claims[key as usize] = Some(activation);
        if self.claims_travel {
            return w.send(Message::Claim { key, token });
        }
        let row = self.store_claim(w, key, token);
        self.claimed(w, key, token, row);
    }

    /// The claim's answer: with it the state is here.
    pub(super) fn claimed(&self, w: &mut World, key: u8, token: Token, row: Result<Row, u8>) {
        let (a, slot) = (token.app, self.slot_of[key as usize]);
        let present = w.held(a, slot).map(|held| held.epoch) == Some(token.epoch);
        let app = w.app_mut(a);
        if !app.up || app.life != token.life || app.claims[key as usize] != Some(token.activation) {
            return;
        }
        app.claims[key as usize] = None;
        if !present || !app.session {
            return;
        }
        match row {
            Ok(row) => self.activate(w, key, token, row),
            Err(epoch) => self.claim_refused(w, a, slot, epoch),
        }
    }

    /// Rule 12: the grant goes back, and the next one is asked for with the row's epoch.
    fn claim_refused(&self, w: &mut World, app: u8, slot: u8, epoch: u8) {
        if !self.rules.at_least {
            return;
        }
        let told = &mut w.app_mut(app).told[slot as usize];
        *told = epoch.max(*told);
        self.give_back(w, app, slot);
    }

    pub(super) fn give_back(&self, w: &mut World, app: u8, slot: u8) {
        // Rule 4: a grant that is not the present one is not given back.
        if self.is_lawful(w, app, slot) || !self.rules.release_compares {
            w.leases[slot as usize].holding = None;
        }
        self.drop_slot(w, app, slot);
    }

    fn activate(&self, w: &mut World, key: u8, token: Token, row: Row) {
        let suspended = w.actor(token.app, key).copied();
        let resumed = suspended.filter(|actor| self.may_resume(actor, &row));
        // What is dropped here was changed by somebody else, or its claim was repeated.
        w.witness.disturbed |= suspended.is_some() && resumed.is_none();
        let actor = match resumed {
            Some(actor) => Self::go_on(w, actor, token, &row),
            None => self.fresh(w, key, token, &row),
        };
        w.witness.last[key as usize] = (token.epoch, actor.memory);
        w.app_mut(token.app).actors[key as usize] = Some(actor);
        // Rule 13: whoever activates finishes what a batch has left.
        if self.rules.batch == Batch::Redo && row.second != actor.fields.second {
            self.send_write(w, token.app, key, true, 0);
        } else {
            self.flush(w, token.app, key);
        }
    }

    /// Rule 6: the claim is the only thing that happened to the row. The own write in flight was answered before.
    fn may_resume(&self, actor: &Actor, row: &Row) -> bool {
        let expected = actor.version + 1;
        match self.rules.resume {
            Resume::Unchanged => row.version == expected,
            Resume::Guess => {
                let landed = expected + u8::from(actor.pending.is_some());
                row.version == expected || row.version == landed
            }
            Resume::Always => true,
        }
    }

    /// The activation goes on under its new token. What a mutation has in flight is taken for done, or written again.
    fn go_on(w: &mut World, actor: Actor, token: Token, row: &Row) -> Actor {
        let done = row.version > actor.version + 1;
        let commands = actor.pending.map_or(0, |pending| pending.commands);
        w.witness.replied |= if done { commands } else { 0 };
        w.witness.resumed |= actor.memory != 0;
        Actor {
            token,
            version: row.version,
            stamp: row.stamp,
            pending: None,
            waiting: actor.waiting | if done { 0 } else { commands },
            ..actor
        }
    }

    fn fresh(&self, w: &mut World, key: u8, token: Token, row: &Row) -> Actor {
        let mut fields: Fields = row.fields;
        if self.rules.batch == Batch::Split {
            fields.second = row.second;
        }
        Actor {
            token,
            version: row.version,
            stamp: row.stamp,
            fields,
            memory: self.unpark(w, token.app, key),
            outbox: 0,
            dirty: false,
            waiting: 0,
            pending: None,
            turn: None,
            read: None,
        }
    }

    /// Rule 21: the payload is taken out at the moment in which it is used.
    fn unpark(&self, w: &mut World, app: u8, key: u8) -> u8 {
        let Some(held) = w.held_mut(app, self.slot_of[key as usize]) else { return 0 };
        let Some(unused) = held.unused.as_mut() else { return 0 };
        let Some(memory) = unused.memory[key as usize].take() else { return 0 };
        let of = unused.of;
        held.unused.take_if(|unused| unused.memory.iter().all(Option::is_none));
        let once = 1u64 << ((of.0 & 15) * 4 + (of.1 & 3));
        let used = &mut w.witness.used[key as usize];
        w.witness.payload_twice |= *used & once != 0;
        *used |= once;
        // It must be what the activation before had in the end.
        w.witness.payload_stale |= w.witness.last[key as usize] != memory;
        memory.1
    }
}
