//! What can happen to a key at an app that holds its slot: claims, turns, reads.

use super::Step;
use crate::rules::{ReadCheck, Resume};
use crate::scenario::Scenario;
use crate::world::{Actor, Message, World};

impl Scenario {
    pub(super) fn steps_of_key(&self, w: &World, app: u8, key: u8, out: &mut Vec<Step>) {
        let slot = self.slot_of[key as usize];
        let me = w.app(app);
        let Some(held) = w.held(app, slot).filter(|_| me.session) else { return };
        if Self::is_unanswered(w, app, key) {
            out.push(Step::Retry { app, key });
        }
        let suspended = self.is_suspended(w, app, key);
        let actor = w.actor(app, key);
        let may_claim = match actor {
            None => held.leaving.is_none(),
            // Rule 6: the own write in flight is answered first.
            Some(actor) => {
                suspended && (actor.pending.is_none() || self.rules.resume == Resume::Guess)
            }
        };
        if may_claim && me.activations < 8 {
            if self.is_unclaimed(w, app, key) {
                out.push(Step::Claim { app, key });
            } else if w.faults.abort > 0 {
                out.push(Step::ClaimAgain { app, key });
            }
        }
        let Some(actor) = actor.filter(|_| !suspended) else { return };
        if w.faults.panic > 0 {
            out.push(Step::Panic { app, key });
        }
        if let Some(command) = actor.turn {
            if self.is_answered(w, command) {
                out.push(Step::EndTurn { app, key });
            } else if self.rules.calls_end {
                out.push(Step::FailTurn { app, key });
            }
        }
        if self.may_end_read(w, app, key) {
            out.push(Step::EndRead { app, key });
        }
        for message in self.indices().filter(|message| self.may_post(w, actor, *message)) {
            out.push(Step::Post { message });
        }
        if held.leaving.is_none() {
            self.steps_of_intake(w, app, key, actor, out);
        }
    }

    /// Whether no claim of the key is on its way.
    fn is_unclaimed(&self, w: &World, app: u8, key: u8) -> bool {
        let Some(activation) = w.app(app).claims[key as usize] else { return true };
        !w.net.iter().any(|message| {
            matches!(message, Message::Claim { key: of, token } | Message::Claimed { key: of, token, .. }
                if (*of, token.app, token.activation) == (key, app, activation))
        })
    }

    fn steps_of_intake(&self, w: &World, app: u8, key: u8, actor: &Actor, out: &mut Vec<Step>) {
        // Rule 13: what a batch has left is finished before any call.
        let finishes = actor.pending.is_some_and(|pending| pending.second);
        if actor.turn.is_none() && !finishes {
            for command in self.indices() {
                let here = self.commands[command as usize].key == key;
                if here && self.is_sent(w, command) && !self.is_idle(w, actor, command) {
                    out.push(Step::Begin { app, key, command });
                }
            }
            if w.witness.soft[key as usize].count_ones() < self.soft.into() {
                out.push(Step::Change { app, key });
            }
        }
        let valid = self.rules.read_check != ReadCheck::BeforeReading || self.says_valid(w, app);
        if self.reads && actor.read.is_none() && valid {
            out.push(Step::BeginRead { app, key });
        }
    }
}
