//! What must hold in every state, and the good end that must stay in reach.

use stateright::{Model, Property};

use super::{APPS, App, Fields, Floor, KEYS, Lease, Row, SLOTS, Step, Token, Witness, World, bit};
use crate::scenario::{Does, Scenario};
use crate::search::Checked;

pub const BACK: &str = "the epochs of a row never go back";
pub const SEQUENCE: &str = "each change follows the one before";
pub const LOST: &str = "no acknowledged command is lost";
pub const TWICE: &str = "no command runs twice";
pub const SOFT: &str = "without a crash a planned move loses nothing";
pub const ONCE: &str = "a payload is used once";
pub const STALE: &str = "a payload is not stale";
pub const READ: &str = "a read shows what was seen before";
pub const EFFECT: &str = "a message goes out for a commit only";
pub const MOVES: &str = "a slot moves when its target changes, and not otherwise";
pub const GOOD: &str = "reached: the good end";
pub const RESUMED: &str = "reached: memory kept over a suspension";

impl Model for Scenario {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![self.start()]
    }

    fn actions(&self, w: &World, out: &mut Vec<Step>) {
        self.steps(w, out);
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut w = last.clone();
        self.take(&mut w, &step);
        (w != *last).then_some(w)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(BACK, |_, w: &World| !w.witness.epoch_went_back),
            Property::always(SEQUENCE, |_, w: &World| !w.witness.overwritten),
            Property::always(LOST, |m: &Self, w: &World| m.indices().all(|c| m.is_kept(w, c))),
            Property::always(TWICE, |_, w: &World| {
                w.rows.iter().all(|row| row.fields.runs.iter().all(|runs| *runs < 2))
            }),
            Property::always(SOFT, |_, w: &World| !w.witness.soft_lost),
            Property::always(ONCE, |_, w: &World| !w.witness.payload_twice),
            // Where epochs are forgotten nothing but the rows is safe.
            Property::always(STALE, |m: &Self, w: &World| {
                !w.witness.payload_stale || w.faults.reset < m.faults.reset
            }),
            Property::always(READ, |_, w: &World| !w.witness.stale_read),
            Property::always(EFFECT, |m: &Self, w: &World| m.indices().all(|c| m.is_backed(w, c))),
            Property::always(MOVES, |m: &Self, w: &World| {
                w.witness.disturbed || (0..m.slots).all(|slot| m.moves_fit(w, slot))
            }),
            Property::sometimes(GOOD, |m: &Self, w: &World| m.is_good(w)),
            Property::sometimes(RESUMED, |_, w: &World| w.witness.resumed),
        ]
    }
}

impl Checked for Scenario {
    const GOOD: &'static str = GOOD;

    fn finds(&self) -> &'static [&'static str] {
        self.finds
    }

    fn reaches(&self) -> &'static [&'static str] {
        self.reaches
    }

    fn is_live(&self) -> bool {
        self.live
    }

    fn is_fault(step: &Step) -> bool {
        step.is_fault()
    }

    /// Everything is done, and each slot is with the app that the last view names.
    fn is_good(&self, w: &World) -> bool {
        self.is_done(w)
    }
}

impl Scenario {
    fn start(&self) -> World {
        let mut w = World {
            view: 0,
            leases: [Lease::default(); SLOTS],
            sessions: [0; APPS],
            promised: [0; APPS],
            rows: [Row::default(); KEYS],
            floors: [Floor::default(); SLOTS],
            apps: [App::default(); APPS],
            net: Vec::new(),
            faults: self.faults,
            witness: Witness::default(),
        };
        for app in 0..self.apps {
            *w.app_mut(app) = App { up: true, session: true, ..App::default() };
            w.sessions[app as usize] = 1;
        }
        if !self.absent {
            let fields = Fields { exists: true, ..Fields::default() };
            w.rows =
                [Row { version: 1, stamp: 1, fields, token: Token::default(), ..Row::default() };
                    KEYS];
        }
        if self.owned {
            let at_once = Self { claims_travel: false, ..self.clone() };
            for slot in 0..self.slots {
                let app = self.target(0, slot);
                at_once.take(&mut w, &Step::Acquire { app, slot });
                for key in self.keys_of(slot) {
                    at_once.take(&mut w, &Step::Claim { app, key });
                }
            }
        }
        w
    }

    /// Nothing is acknowledged that the row does not have.
    fn is_kept(&self, w: &World, c: u8) -> bool {
        if w.witness.replied & bit(c) == 0 {
            return true;
        }
        let command = self.commands[c as usize];
        let row = &w.rows[command.key as usize];
        if command.does == Does::Delete {
            return (0..c).all(|earlier| row.fields.runs[earlier as usize] == 0);
        }
        let came = |d: u8| self.is_sent(w, d) || w.witness.over & bit(d) != 0;
        let deletes = |d: u8| self.commands[d as usize].does == Does::Delete && came(d);
        let deleted = self.indices().skip(usize::from(c) + 1).any(deletes);
        deleted || row.fields.runs[c as usize] >= 1 && row.second[c as usize] >= 1
    }

    /// The row of a message's sender has the change that the message is of.
    fn is_backed(&self, w: &World, c: u8) -> bool {
        let command = self.commands[c as usize];
        let Some(parent) = self.parent(c).filter(|_| self.is_posted(c)) else { return true };
        let sender = &w.rows[self.commands[parent as usize].key as usize];
        w.rows[command.key as usize].fields.runs[c as usize] == 0
            || sender.fields.runs[parent as usize] > 0
    }

    fn moves_fit(&self, w: &World, slot: u8) -> bool {
        let pairs = self.views.windows(2);
        let changes = pairs.filter(|pair| pair[0][slot as usize] != pair[1][slot as usize]).count();
        usize::from(w.witness.moves[slot as usize]) <= changes
    }

    fn is_done(&self, w: &World) -> bool {
        let last = self.last_view();
        let owned = |slot: u8| {
            let app = self.target(last, slot);
            let settled = w.held(app, slot).is_some_and(|held| held.leaving.is_none());
            // A grant that it has not heard of ends nothing: whoever asks for the slot makes it hear.
            let holds = !self.rules.lease || self.is_holder(w, app, slot);
            settled && w.app(app).session && holds
        };
        w.view == last
            && self.indices().all(|c| w.witness.replied & bit(c) != 0)
            && (0..self.slots).all(owned)
            && (0..self.keys)
                .all(|key| self.is_active(w, self.target(last, self.slot_of[key as usize]), key))
    }

    /// The witness looks at every state: who serves lawfully has all non-durable changes, as long as no fault may have cost some.
    pub(super) fn look(&self, w: &mut World) {
        if w.witness.disturbed {
            return;
        }
        for app in 0..self.apps {
            for key in 0..self.keys {
                let serves = self.is_lawful(w, app, self.slot_of[key as usize]);
                if serves && self.is_active(w, app, key) {
                    let soft = w.witness.soft[key as usize];
                    let all = w
                        .actor(app, key)
                        .is_some_and(|a| a.memory == soft && a.fields.soft == soft);
                    w.witness.soft_lost |= !all;
                }
            }
        }
    }
}
