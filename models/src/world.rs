//! The state of the model: lease service, store, apps, what is on its way, and what a witness saw.
//!
//! The steps are methods of [`Scenario`](crate::scenario::Scenario), which knows the rules: each file below has those of one part.

mod activation;
mod leases;
mod faults;
mod grants;
mod moves;
mod reads;
mod steps;
mod effects;
mod properties;
mod store;
mod turns;
mod writes;

use crate::scenario::{Faults, KEYS, SLOTS};

pub use properties::{
    BACK, EFFECT, LOST, MOVES, ONCE, READ, RESUMED, SEQUENCE, SOFT, STALE, TWICE,
};
pub use steps::Step;

pub const APPS: usize = 3;
pub const COMMANDS: usize = 4;

pub type Epoch = u8;

/// One bit per command.
pub type Commands = u8;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The newest view; apps hear of it later.
    pub view: u8,
    pub leases: [Lease; SLOTS],
    /// Of each app the lives that have a session, one bit each.
    pub sessions: [u8; APPS],
    /// Of each app the lives whose session the service has forgotten, before its time was over.
    pub promised: [u8; APPS],
    pub rows: [Row; KEYS],
    /// Rule 32: what removed tombstones have left behind, one for each lease id.
    pub floors: [Floor; SLOTS],
    pub apps: [App; APPS],
    /// Sorted. A message is delivered at any time later, in any order, or never.
    pub net: Vec<Message>,
    /// What may still strike.
    pub faults: Faults,
    pub witness: Witness,
}

/// An id at the lease service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lease {
    pub holding: Option<Holding>,
    /// Rule 3: never deleted.
    pub counter: Epoch,
}

/// Rule 1: a holder is an app in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holding {
    pub app: u8,
    pub life: u8,
    pub epoch: Epoch,
    pub from: Option<Origin>,
}

/// Epoch and number of an offer.
pub type Origin = (Epoch, u8);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    pub epoch: Epoch,
    pub app: u8,
    pub life: u8,
    pub activation: u8,
}

/// Rule 7. Version 0 is a row that was never there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    pub token: Token,
    pub version: u8,
    pub fields: Fields,
    /// What stands in a second row that commands change as well (rule 13).
    pub second: [u8; COMMANDS],
    /// Witness: counts changes, also where a mutation forgets versions.
    pub stamp: u8,
}

/// Below it nobody claims a row that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Floor {
    pub token: Token,
    /// The largest version of a removed row: versions go on from there.
    pub version: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fields {
    pub exists: bool,
    /// How often each command has run.
    pub runs: [u8; COMMANDS],
    /// What the second row is to hold.
    pub second: [u8; COMMANDS],
    /// Non-durable changes, one bit each.
    pub soft: u8,
    /// Rule 30: replies, with the state; one bit each.
    pub records: u8,
    /// Rule 31: numbers below have no record any more.
    pub lowest: u8,
    /// Rule 27: messages of these commands.
    pub outbox: Commands,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct App {
    pub up: bool,
    pub paused: bool,
    pub cut: bool,
    pub life: u8,
    pub view: u8,
    /// Whether it is before the deadline of its session, as far as it knows. If not, all that it holds is suspended.
    pub session: bool,
    pub slots: [Option<Held>; SLOTS],
    pub actors: [Option<Actor>; KEYS],
    /// The activation number of a claim that has no answer yet.
    pub claims: [Option<u8>; KEYS],
    pub parked: [Option<Parked>; SLOTS],
    /// The largest epoch that it has held of an id.
    pub largest: [Epoch; SLOTS],
    /// The largest epoch that it was told of otherwise: by a row, or by who asked for the id.
    pub told: [Epoch; SLOTS],
    /// Activation numbers given out in this life.
    pub activations: u8,
}

/// A grant, as its holder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    pub epoch: Epoch,
    pub offers: u8,
    pub leaving: Option<Leaving>,
    /// The payload that came with it, of keys that are not activated yet.
    pub unused: Option<Parked>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leaving {
    pub to: u8,
    pub life: u8,
    pub number: u8,
    pub acknowledged: bool,
    /// `transfer` was sent and its answer is not known.
    pub sent: bool,
}

/// Non-durable memory of the keys of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Parked {
    pub of: Origin,
    pub memory: [Option<Memory>; KEYS],
}

/// What an activation had in memory only, and the epoch of that activation.
pub type Memory = (Epoch, u8);

/// One life of an entity in memory. It is suspended while its token's epoch is not that of its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    pub token: Token,
    pub version: u8,
    pub stamp: u8,
    pub fields: Fields,
    /// Non-durable changes that are in memory only: the payload of a move.
    pub memory: u8,
    /// Messages that a mutation keeps here instead of in the row.
    pub outbox: Commands,
    pub dirty: bool,
    /// Commands that have run since the write in flight; their replies wait.
    pub waiting: Commands,
    pub pending: Option<Pending>,
    /// The command whose turn waits for a call that it made.
    pub turn: Option<u8>,
    pub read: Option<Read>,
}

/// Rule 10: the one write in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pending {
    pub base: u8,
    pub bytes: Fields,
    pub commands: Commands,
    pub second: bool,
}

/// A read that has looked at the state and has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    /// What others had seen when it was called.
    pub must_show: Commands,
    pub shows: Commands,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Write {
    pub key: u8,
    pub token: Token,
    pub base: u8,
    pub stamp: u8,
    pub fields: Fields,
    pub commands: Commands,
    pub create: bool,
    /// It is that of the second row.
    pub second: bool,
    /// A mutation has checked it, and writes it later.
    pub checked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    Claim {
        key: u8,
        token: Token,
    },
    /// The row, or the epoch of the row that refused.
    Claimed {
        key: u8,
        token: Token,
        row: Result<Row, Epoch>,
    },
    Write(Write),
    Written {
        key: u8,
        token: Token,
        base: u8,
        commands: Commands,
        done: bool,
    },
    /// Rule 16.
    Move {
        slot: u8,
        from: u8,
        life: u8,
        to: u8,
        epoch: Epoch,
        largest: Epoch,
    },
    /// Rule 19; in the old handover the answer.
    Offer {
        slot: u8,
        from: u8,
        to: u8,
        life: u8,
        payload: Parked,
    },
    Acknowledged {
        slot: u8,
        to: u8,
        of: Origin,
    },
    Transfer {
        slot: u8,
        from: u8,
        life: u8,
        of: Origin,
        to: u8,
        to_life: u8,
    },
    Transferred {
        slot: u8,
        to: u8,
        of: Origin,
        done: Transferred,
    },
    Release {
        slot: u8,
        app: u8,
        life: u8,
        epoch: Epoch,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transferred {
    Done,
    NotYours,
    NobodyThere,
}

/// What nobody in the system knows: it is there for the properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// Commands whose reply was sent.
    pub replied: Commands,
    /// Commands that a read has shown.
    pub shown: Commands,
    /// Calls that were made, and messages that went out: they may arrive at any time from then on, any number of times.
    pub called: Commands,
    /// Commands that nobody sends any more: their records have run out.
    pub over: Commands,
    /// A turn has begun anew, and a mutation gives its call another id.
    pub again: bool,
    pub soft: [u8; KEYS],
    /// The largest epoch that a row has seen.
    pub top: [Epoch; KEYS],
    /// Epoch and memory of the last activation.
    pub last: [Memory; KEYS],
    /// Payloads used, one bit each.
    pub used: [u64; KEYS],
    pub moves: [u8; SLOTS],
    /// A fault has struck that may cost non-durable changes.
    pub disturbed: bool,
    /// An activation has gone on with its memory under a new grant.
    pub resumed: bool,
    pub epoch_went_back: bool,
    pub overwritten: bool,
    pub stale_read: bool,
    pub payload_twice: bool,
    pub payload_stale: bool,
    pub soft_lost: bool,
}

impl World {
    pub fn app(&self, app: u8) -> &App {
        &self.apps[app as usize]
    }

    pub fn app_mut(&mut self, app: u8) -> &mut App {
        &mut self.apps[app as usize]
    }

    pub fn held(&self, app: u8, slot: u8) -> Option<&Held> {
        self.app(app).slots[slot as usize].as_ref()
    }

    pub fn held_mut(&mut self, app: u8, slot: u8) -> Option<&mut Held> {
        self.app_mut(app).slots[slot as usize].as_mut()
    }

    pub fn actor(&self, app: u8, key: u8) -> Option<&Actor> {
        self.app(app).actors[key as usize].as_ref()
    }

    pub fn actor_mut(&mut self, app: u8, key: u8) -> Option<&mut Actor> {
        self.app_mut(app).actors[key as usize].as_mut()
    }

    pub fn has_session(&self, app: u8, life: u8) -> bool {
        self.sessions[app as usize] & (1 << life) != 0
    }

    /// Whether a life of an app had a session that would not be over, had the service not forgotten it.
    pub fn is_promised(&self, app: u8, life: u8) -> bool {
        self.promised[app as usize] & (1 << life) != 0
    }

    /// Whether anybody may still hold what the service has forgotten.
    pub fn is_any_promised(&self) -> bool {
        self.promised != [0; APPS]
    }

    pub fn send(&mut self, message: Message) {
        if let Err(at) = self.net.binary_search(&message) {
            self.net.insert(at, message);
        }
    }

    pub fn take(&mut self, message: &Message) {
        if let Ok(at) = self.net.binary_search(message) {
            self.net.remove(at);
        }
    }
}

impl Actor {
    /// Commands whose changes the store has not confirmed.
    pub fn uncommitted(&self) -> Commands {
        self.waiting | self.pending.map_or(0, |pending| pending.commands)
    }
}

pub const fn bit(command: u8) -> Commands {
    1 << command
}
