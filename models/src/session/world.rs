//! The state of the model: clients, connections at gates, the owner of the session, what is on its way, and what a witness saw.

use super::faults::Faults;

pub const CLIENTS: usize = 2;
pub const GATES: usize = 2;
pub const COMMANDS: usize = 3;

/// Of clients: who copies what others have sent.
pub const THIEF: u8 = 9;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub clients: [Client; CLIENTS],
    /// Lives of each gate.
    pub gates: [u8; GATES],
    /// Of which the number is the place here: later ones are later attempts.
    pub conns: Vec<Conn>,
    pub owner: Owner,
    /// Between gates and the owner. Of each connection and direction, in order.
    pub net: Vec<Message>,
    /// What is committed: the records of durable commands, one bit each.
    pub row: u8,
    pub pushes_left: u8,
    pub faults: Faults,
    pub witness: Witness,
}

/// The program of a player, on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    pub phase: Phase,
    pub key: Option<Key>,
    /// The last push that it has taken.
    pub last: Place,
    pub commands: [Sent; COMMANDS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Its player has not begun.
    Off,
    Away,
    /// It has said HELLO on this connection.
    Dials(u8),
    On(u8),
    /// A later login has taken the session: it does not come back by itself.
    Kicked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    Not,
    Waits,
    Done(Answer),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Ran,
    MayHaveRun,
}

/// A client counts its own attempts: those of different clients are not ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub of: u8,
    pub number: u8,
}

impl Attempt {
    pub fn is_before(self, other: Self) -> bool {
        self.of == other.of && self.number < other.number
    }
}

/// A resume key: the login that it was made for, and which of that login's keys it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub login: Generation,
    pub number: u8,
}

/// Ordered by the epoch of the owner and a counter, and by no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation {
    pub epoch: u8,
    pub count: u8,
}

/// The number of a push, and the numbering that it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    pub of: Generation,
    pub number: u8,
}

impl Place {
    pub fn follows(self, last: Self) -> bool {
        self.of == last.of && self.number == last.number + 1
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conn {
    pub client: u8,
    /// What its HELLO says: which client it is, and which of the attempts of that.
    pub attempt: Attempt,
    /// Witness: its player has asked for it.
    pub is_wanted: bool,
    pub gate: u8,
    /// The life of the gate.
    pub life: u8,
    /// The key that its HELLO had.
    pub said: Option<Key>,
    /// Each end believes that it is open.
    pub client_end: bool,
    pub gate_end: bool,
    /// Its HELLO has gone to the owner.
    pub asked: bool,
    /// The login that it belongs to, as far as the gate knows.
    pub bound: Option<Generation>,
    /// The epoch of the owner that has answered last.
    pub answered: Option<u8>,
    /// The link to the owner was lost since.
    pub doubted: bool,
    /// The epochs of the owners that were asked first and last.
    pub asked_first: u8,
    pub asks: u8,
    /// The last push that the gate has passed on.
    pub passed: Place,
    /// The largest number of a command that was not sent again.
    pub top: Option<u8>,
    pub up: Vec<Up>,
    pub down: Vec<Down>,
}

/// What a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Up {
    Hello { key: Option<Key>, last: Place },
    Command { number: u8, resent: bool },
    Acknowledge(Place),
}

/// What a gate sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Down {
    /// Pushes go on after this one; unless resumed, the client has to load again.
    Welcome {
        key: Key,
        resumed: bool,
        from: Place,
    },
    Push(Push),
    Reply {
        number: u8,
        answer: Answer,
    },
    Kicked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Push {
    pub place: Place,
    /// Witness: counts all pushes that were made.
    pub serial: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    pub conn: u8,
    /// Of the owner at that time: what two owners send comes in any order.
    pub epoch: u8,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    // To the owner.
    Attach { by: By, last: Place, epoch: u8 },
    Detach,
    Command { number: u8, resent: bool },
    Acknowledge(Place),
    // To the gate.
    Attached { key: Key, resumed: bool, last: Place, from: Place, pushes: Vec<Push> },
    Push(Push),
    Reply { number: u8, answer: Answer },
    Kick,
    Close,
}

impl Message {
    /// Messages of one line stay in order.
    pub fn line(&self) -> (u8, bool, u8) {
        let is_for_owner = self.body.is_for_owner();
        (self.conn, is_for_owner, if is_for_owner { 0 } else { self.epoch })
    }
}

impl Body {
    pub fn is_for_owner(&self) -> bool {
        use Body::{Acknowledge, Attach, Command, Detach};
        matches!(self, Attach { .. } | Detach | Command { .. } | Acknowledge(_))
    }
}

/// Why a connection may have the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// A token: a login, which was first asked for in this epoch.
    Login(u8),
    Key(Key),
    /// The gate had this login's before its link to the owner was lost.
    Gate(Generation),
}

/// The app that has the session and the player's actor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner {
    pub epoch: u8,
    /// Of generations, in this epoch.
    pub count: u8,
    pub session: Option<Session>,
    /// Records of plain commands, one bit each. They end with the owner.
    pub records: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    pub login: Generation,
    /// The login whose client it is: an earlier one, where the owner of that was lost.
    pub since: Generation,
    /// Witness: whose it is.
    pub client: u8,
    /// The connection that gets pushes.
    pub conn: Option<u8>,
    /// The latest attempt that it has taken.
    pub attempt: Attempt,
    /// The latest attempts of each client: how many it has begun.
    pub attempts: [u8; CLIENTS],
    pub key: u8,
    /// The key that the present one was given for, until the client has shown that it has the present one.
    pub before: Option<u8>,
    /// The numbering of pushes: another one after a hole.
    pub of: Generation,
    pub top: u8,
    /// Pushes that are not acknowledged.
    pub window: Vec<Push>,
}

/// What nobody in the system knows: it is there for the properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    pub runs: [u8; COMMANDS],
    pub pushes: u8,
    /// The serial of the last push that each client has taken.
    pub seen: [u8; CLIENTS],
    /// Each client has been told to load again since.
    pub reset: [bool; CLIENTS],
    /// Something has happened after which each client may have to load again, once.
    pub excused: [bool; CLIENTS],
    /// Each client has been connected.
    pub welcomed: [bool; CLIENTS],
    /// The last login that a player has asked for.
    pub last_login: Option<Generation>,
    pub resumed: bool,
    pub skipped: bool,
    pub again: bool,
    pub needless: bool,
    pub stolen: bool,
    pub displaced: bool,
    pub untrue: bool,
}

impl Conn {
    /// Whether its gate has ended since; `life` is its present one.
    pub fn crashed_with(&self, life: u8) -> bool {
        self.life != life
    }
}

impl World {
    pub fn conn(&self, at: u8) -> &Conn {
        &self.conns[usize::from(at)]
    }

    pub fn conn_mut(&mut self, at: u8) -> &mut Conn {
        &mut self.conns[usize::from(at)]
    }

    /// Of a client that is no thief.
    pub fn client_mut(&mut self, client: u8) -> &mut Client {
        &mut self.clients[usize::from(client)]
    }

    /// Makes states equal that differ in nothing that matters: the order of messages of different connections, and what is left of
    /// connections that are over.
    pub fn settle(&mut self) {
        self.net.sort_by_key(Message::line);
        let may_be_stolen = self.faults.theft > 0;
        for conn in self.conns.iter_mut().filter(|conn| !conn.client_end && !conn.gate_end) {
            let (client, gate, life, said) = (conn.client, conn.gate, conn.life, conn.said);
            let (bound, passed, attempt, is_wanted) =
                (conn.bound, conn.passed, conn.attempt, conn.is_wanted);
            *conn = Conn::new((client, attempt), gate, life, None, Place::default());
            (conn.client_end, conn.gate_end, conn.is_wanted) = (false, false, is_wanted);
            conn.up.clear();
            if may_be_stolen {
                (conn.said, conn.bound, conn.passed) = (said, bound, passed);
            }
        }
    }

    pub fn send(&mut self, conn: u8, body: Body) {
        self.net.push(Message { conn, epoch: self.owner.epoch, body });
    }
}

pub const fn bit(at: u8) -> u8 {
    1 << at
}
