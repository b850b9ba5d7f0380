//! The store: a claim and a guarded write, each one atomic statement, as in `guildhall-core/src/store/fence.rs`.

use super::{COMMANDS, Epoch, Fields, Message, Row, Token, World, Write};
use crate::rules::{Batch, Claim};
use crate::scenario::Scenario;

impl Scenario {
    /// Rule 8: reads the row and writes the token and version + 1. Refused with the row's epoch.
    pub(super) fn store_claim(&self, w: &mut World, key: u8, token: Token) -> Result<Row, Epoch> {
        let row = &mut w.rows[key as usize];
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
