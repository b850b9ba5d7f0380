//! One write in flight per row, sent again with the same bytes until it is answered (rules 9, 10, 13, 14).

use super::{Commands, Message, Pending, Token, World, Write};
use crate::rules::Batch;
use crate::scenario::Scenario;

impl Scenario {
    /// Writes what has changed, unless a write is in flight.
    pub(super) fn flush(&self, w: &mut World, app: u8, key: u8) {
        let active = self.is_active(w, app, key);
        let Some(actor) = w.actor_mut(app, key) else { return };
        if active && actor.pending.is_none() && (actor.dirty || actor.waiting != 0) {
            let commands = std::mem::take(&mut actor.waiting);
            actor.dirty = false;
            self.send_write(w, app, key, false, commands);
        }
    }

    pub(super) fn send_write(
        &self,
        w: &mut World,
        app: u8,
        key: u8,
        second: bool,
        commands: Commands,
    ) {
        let Some(actor) = w.actor_mut(app, key) else { return };
        let pending = Pending { base: actor.version, bytes: actor.fields, commands, second };
        actor.pending = Some(pending);
        self.post_write(w, app, key, pending);
    }

    fn post_write(&self, w: &mut World, app: u8, key: u8, pending: Pending) {
        let Some(actor) = w.actor(app, key) else { return };
        let write = Write {
            key,
            token: actor.token,
            base: pending.base,
            stamp: actor.stamp,
            fields: pending.bytes,
            commands: pending.commands,
            create: !pending.second && !self.rules.tombstones && pending.base == 0,
            second: pending.second,
            checked: false,
        };
        w.send(Message::Write(write));
    }

    /// Whether nothing of the write in flight is on its way any more: it is sent again.
    pub(super) fn is_unanswered(w: &World, app: u8, key: u8) -> bool {
        let Some(actor) = w.actor(app, key) else { return false };
        let Some(pending) = actor.pending else { return false };
        !w.net.iter().any(|message| match message {
            Message::Write(write) => {
                (write.key, write.token, write.base) == (key, actor.token, pending.base)
            }
            Message::Written { key: of, token, base, .. } => {
                (*of, *token, *base) == (key, actor.token, pending.base)
            }
            _ => false,
        })
    }

    /// Rule 10: with the same bytes. What has changed since stays dirty.
    pub(super) fn retry(&self, w: &mut World, app: u8, key: u8) {
        let Some(actor) = w.actor_mut(app, key) else { return };
        let Some(pending) = actor.pending.as_mut() else { return };
        if !self.rules.same_bytes {
            pending.bytes = actor.fields;
            actor.dirty = false;
        }
        let pending = *pending;
        self.post_write(w, app, key, pending);
    }

    /// The store's answer to a write.
    pub(super) fn written(
        &self,
        w: &mut World,
        key: u8,
        token: Token,
        base: u8,
        (commands, done): (Commands, bool),
    ) {
        let app = w.app(token.app);
        if !app.up || app.life != token.life {
            return;
        }
        let whole = self.rules.batch == Batch::Atomic;
        if done && whole {
            // Rule 14: a commit is a commit, also if the activation is gone by now.
            w.witness.replied |= commands;
        }
        let Some(actor) = w.actor_mut(token.app, key) else { return };
        let Some(pending) = actor.pending else { return };
        if actor.token != token || pending.base != base {
            return;
        }
        if !done {
            // Rule 11: somebody else has claimed.
            w.witness.disturbed |= actor.memory != 0;
            w.app_mut(token.app).actors[key as usize] = None;
            return;
        }
        actor.version += 1;
        actor.stamp += 1;
        if !actor.fields.exists && !self.rules.tombstones {
            actor.version = 0;
            actor.fields = Default::default();
        }
        actor.pending = None;
        if !whole && !pending.second {
            return self.send_write(w, token.app, key, true, pending.commands);
        }
        w.witness.replied |= pending.commands;
        let more = w.actor(token.app, key).is_some_and(|actor| actor.waiting != 0);
        if more {
            self.flush(w, token.app, key);
        }
    }
}
