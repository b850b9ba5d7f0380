//! The store: a claim and a guarded write, each one atomic statement, as in `guildhall-core/src/store/fence.rs`.

use super::{COMMANDS, Epoch, Fields, Message, Row, Token, World, Write};
use crate::rules::{Batch, Claim};
use crate::scenario::Scenario;

impl Scenario {
    /// Rule 8: reads the row and writes the token and version + 1. Refused with the row's epoch.
    pub(super) fn store_claim(&self, w: &mut World, key: u8, token: Token) -> Result<Row, Epoch> {
        let floor = w.floors[self.slot_of[key as usize] as usize];
        let row = &mut w.rows[key as usize];
        // Rule 32: where a row was removed, its floor says who may make it again.
        if row.version == 0 && self.rules.floor {
            let rival = floor.token.epoch == token.epoch
                && (floor.token.app, floor.token.life) != (token.app, token.life);
            if floor.version > 0 && (floor.token.epoch > token.epoch || rival) {
                return Err(floor.token.epoch);
            }
            row.version = floor.version;
        }
        // Rule 7: where there is nothing a claim makes a tombstone.
        let there = row.version > 0 || self.rules.tombstones;
        if there && self.rules.claim != Claim::Never {
            let rival = row.token.epoch == token.epoch
                && (row.token.app, row.token.life) != (token.app, token.life)
                && row.version > 0
                && self.rules.claim == Claim::Token;
            if self.rules.fence && (row.token.epoch > token.epoch || rival) {
                return Err(row.token.epoch);
            }
            // A copy of a claim must not look like the write that comes next (rule 10).
            let again = self.rules.claim_once && row.token == token;
            if self.rules.claim == Claim::Token && !again {
                row.token = token;
                row.version += 1;
                row.stamp += 1;
            } else if self.rules.claim == Claim::EpochOnly {
                row.token.epoch = token.epoch;
            }
        }
        let row = *row;
        if self.rules.claim != Claim::Never {
            let top = &mut w.witness.top[key as usize];
            *top = token.epoch.max(*top);
        }
        Ok(row)
    }

    /// Rule 9: token and version equal, then version + 1.
    pub(super) fn store_write(&self, w: &mut World, write: Write) {
        let row = w.rows[write.key as usize];
        let there = row.version > 0;
        let answer = |done| Message::Written {
            key: write.key,
            token: write.token,
            base: write.base,
            commands: write.commands,
            done,
        };
        if !write.checked {
            if !self.rules.tombstones && write.create == there {
                return w.send(answer(false));
            }
            let fenced = match self.rules.claim {
                _ if !self.rules.fence || write.create => false,
                Claim::Token => row.token != write.token,
                Claim::Never | Claim::EpochOnly => write.token.epoch < row.token.epoch,
            };
            let other = self.rules.version && !write.create && row.version != write.base;
            if fenced || other {
                // Rule 10: the writer's token and exactly the next version mean that the write is there.
                let repeated =
                    self.rules.version && row.token == write.token && row.version == write.base + 1;
                return w.send(answer(repeated));
            }
            if !self.rules.one_statement {
                return w.send(Message::Write(Write { checked: true, ..write }));
            }
        }
        self.apply(w, write);
        w.send(answer(true));
    }

    /// Whether the row is a tombstone that nobody needs: no message waits in it, and whoever could ask for a record has the reply.
    pub(super) fn may_sweep(&self, w: &World, key: u8) -> bool {
        let Row { version, fields, .. } = w.rows[key as usize];
        let known = self.ran_in(key, fields);
        let out = !self.rules.records_run_out || known & !w.witness.replied == 0;
        version > 0 && !fields.exists && fields.outbox == 0 && out
    }

    /// Rule 32: the tombstone goes, and raises the floor of its lease id, in one step.
    pub(super) fn sweep(&self, w: &mut World, key: u8) {
        let row = w.rows[key as usize];
        if self.rules.records_run_out {
            w.witness.over |= self.ran_in(key, row.fields);
        }
        let floor = &mut w.floors[self.slot_of[key as usize] as usize];
        // One more than its own: a write in flight takes its token and the next version for itself (rule 10).
        let skips = u8::from(self.rules.floor_skips);
        floor.version = floor.version.max(row.version + skips);
        if row.token.epoch >= floor.token.epoch {
            floor.token = row.token;
        }
        w.rows[key as usize] = Row { stamp: row.stamp + 1, ..Row::default() };
    }

    /// The commands that the row knows to have run.
    fn ran_in(&self, key: u8, fields: Fields) -> u8 {
        let of_row = |c: &u8| {
            let command = self.commands[*c as usize];
            let below = command.session == 0 && command.number < fields.lowest;
            command.key == key && (fields.records & super::bit(*c) != 0 || below)
        };
        self.indices().filter(of_row).fold(0, |all, c| all | super::bit(c))
    }

    fn apply(&self, w: &mut World, write: Write) {
        let top = &mut w.witness.top[write.key as usize];
        w.witness.epoch_went_back |= write.token.epoch < *top;
        *top = write.token.epoch.max(*top);
        let row = &mut w.rows[write.key as usize];
        w.witness.overwritten |= write.stamp != row.stamp;
        row.stamp += 1;
        row.version += 1;
        row.token = write.token;
        if !write.second {
            row.fields = write.fields;
        }
        if write.second || self.rules.batch == Batch::Atomic {
            row.second = write.fields.second;
        }
        // Rule 7 switched off: nothing is left of a row that is deleted.
        if !row.fields.exists && !self.rules.tombstones {
            row.fields = Fields::default();
            row.second = [0; COMMANDS];
            row.version = 0;
            row.token = Token::default();
        }
    }
}
