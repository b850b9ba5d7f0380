//! The turns of an actor: commands once each, calls that they make, and messages that they leave (rules 14, 27, 29 to 31).

use super::{Actor, Fields, World, bit};
use crate::rules::Records;
use crate::scenario::{Does, Scenario};

impl Scenario {
    /// Whether clients, or the calls and messages of other commands, may bring this command to an owner now.
    pub(super) fn is_sent(&self, w: &World, command: u8) -> bool {
        if w.witness.over & bit(command) != 0 {
            return false;
        }
        if self.parent(command).is_some() {
            return w.witness.called & bit(command) != 0;
        }
        let open = |c: &u8| self.parent(*c).is_none() && w.witness.replied & bit(*c) == 0;
        w.witness.replied & bit(command) != 0
            || self.indices().filter(open).take(self.outstanding.into()).any(|c| c == command)
    }

    /// What the record of a command is found by.
    fn id(&self, w: &World, command: u8) -> u8 {
        match self.rules.records {
            Records::WithoutSession => bit(self.commands[command as usize].number),
            // Rule 29 switched off: the repetition of a turn calls under another id.
            _ if w.witness.again && self.parent(command).is_some() => bit(command + 4),
            _ => bit(command),
        }
    }

    fn is_known(&self, w: &World, actor: &Actor, command: u8) -> bool {
        let found = self.rules.outbox_deduplicated || !self.is_posted(command);
        found && actor.fields.records & self.id(w, command) != 0
    }

    /// Whether bringing the command would change nothing, or it is refused for good.
    pub(super) fn is_idle(&self, w: &World, actor: &Actor, command: u8) -> bool {
        let Command { number, session, .. } = self.commands[command as usize];
        let refused = match self.rules.records {
            // Rule 31: ran, reply gone.
            Records::FromLowest => session == 0 && number < actor.fields.lowest,
            Records::HighestOnly => actor.fields.records > bit(command),
            Records::None | Records::LastOnly | Records::WithoutSession => false,
        };
        let known = self.is_known(w, actor, command);
        // Rule 30: a repeat of a command still being committed waits for that commit.
        let waits = actor.uncommitted() & bit(command) != 0;
        let has_reply = w.witness.replied & bit(command) != 0;
        let limit = actor.fields.runs[command as usize] > 1;
        refused || limit || known && (waits || has_reply)
    }

    /// A command arrives.
    pub(super) fn begin(&self, w: &mut World, app: u8, key: u8, command: u8) {
        let Some(actor) = w.actor(app, key) else { return };
        if self.is_known(w, actor, command) {
            w.witness.replied |= bit(command);
            return;
        }
        let Does::Call(child) = self.commands[command as usize].does else {
            return self.finish(w, app, key, command);
        };
        if !self.rules.nested_ids && w.witness.called & bit(child) != 0 {
            w.witness.again = true;
            w.witness.replied &= !bit(child);
        }
        w.witness.called |= bit(child);
        if let Some(actor) = w.actor_mut(app, key) {
            actor.turn = Some(command);
        }
    }

    /// Whether the call that the turn waits for is answered.
    pub(super) fn is_answered(&self, w: &World, command: u8) -> bool {
        match self.commands[command as usize].does {
            Does::Call(child) => w.witness.replied & bit(child) != 0,
            Does::Add | Does::Delete | Does::Post(_) => true,
        }
    }

    /// The turn's call did not come back in time: the caller is told that it may have run, and nothing has changed.
    pub(super) fn fail_turn(w: &mut World, app: u8, key: u8) {
        if let Some(actor) = w.actor_mut(app, key) {
            actor.turn = None;
        }
    }

    /// The turn ends: state, reply and id change together (rule 30), and the reply waits for the commit (rule 14).
    pub(super) fn finish(&self, w: &mut World, app: u8, key: u8, command: u8) {
        let id = self.id(w, command);
        let lowest = self.lowest(w);
        let Command { does, session, .. } = self.commands[command as usize];
        let Some(actor) = w.actor_mut(app, key) else { return };
        actor.turn = None;
        let fields = &mut actor.fields;
        fields.runs[command as usize] += 1;
        fields.second[command as usize] += 1;
        fields.exists = true;
        if does == Does::Delete {
            // Rule 30: a delete keeps the records in its tombstone.
            let Fields { records, lowest, .. } = *fields;
            *fields = Fields { records, lowest, ..Fields::default() };
        }
        match self.rules.records {
            Records::None => {}
            Records::LastOnly | Records::HighestOnly => fields.records = id,
            Records::WithoutSession => fields.records |= id,
            Records::FromLowest => {
                fields.records |= id;
                if session == 0 {
                    fields.lowest = fields.lowest.max(lowest);
                    self.forget_below(fields);
                }
            }
        }
        if let Does::Post(message) = does {
            // Rule 27: the message is committed with the state, and goes out after it.
            let kept =
                if self.rules.outbox_in_row { &mut fields.outbox } else { &mut actor.outbox };
            *kept |= bit(message);
            if !self.rules.outbox_after_commit {
                w.witness.called |= bit(message);
            }
        }
        if !self.rules.reply_after_commit {
            w.witness.replied |= bit(command);
        }
        if let Some(actor) = w.actor_mut(app, key) {
            actor.waiting |= bit(command);
        }
        self.flush(w, app, key);
    }

    /// Rule 31: the lowest number of the first session that has no reply.
    fn lowest(&self, w: &World) -> u8 {
        let own = |c: &u8| self.parent(*c).is_none() && self.commands[*c as usize].session == 0;
        let without = |c: &u8| w.witness.replied & bit(*c) == 0;
        let numbers = self.indices().filter(own).filter(without);
        numbers.map(|c| self.commands[c as usize].number).min().unwrap_or_default()
    }

    /// Rule 31: records below the lowest number are dropped, and nothing else is.
    fn forget_below(&self, fields: &mut Fields) {
        for command in self.indices().filter(|c| self.parent(*c).is_none()) {
            let Command { session, number, .. } = self.commands[command as usize];
            if session == 0 && number < fields.lowest {
                fields.records &= !bit(command);
            }
        }
    }

    /// A message of the outbox goes out; a message that is lost goes out again.
    pub(super) fn may_post(&self, w: &World, actor: &Actor, message: u8) -> bool {
        let committed = self.parent(message).is_some_and(|c| actor.uncommitted() & bit(c) == 0);
        let there = (actor.fields.outbox | actor.outbox) & bit(message) != 0;
        there && committed && w.witness.called & bit(message) == 0
    }

    /// A non-durable call changes the state and what is in memory only.
    pub(super) fn change(&self, w: &mut World, app: u8, key: u8) {
        let bit = 1 << w.witness.soft[key as usize].count_ones();
        let Some(actor) = w.actor_mut(app, key) else { return };
        actor.fields.soft |= bit;
        actor.memory |= bit;
        actor.dirty = true;
        let (epoch, memory) = (actor.token.epoch, actor.memory);
        let last = &mut w.witness.last[key as usize];
        if last.0 == epoch {
            last.1 = memory;
        }
        w.witness.soft[key as usize] |= bit;
        // By clocks that are broken it is no owner any more, and will lose this.
        w.witness.disturbed |= !self.is_lawful(w, app, self.slot_of[key as usize]);
    }
}

use crate::scenario::Command;
