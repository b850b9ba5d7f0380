//! The steps' effects, and what must hold.

use stateright::{Model, Property};

use super::scenario::Scenario;
use super::steps::Step;
use super::world::{CLIENTS, Client, Conn, Owner, Phase, Place, Sent, Session, THIEF, World};
use crate::search::Checked;

pub const TWICE: &str = "no command runs twice";
pub const TRUE: &str = "what a client is told of a command is so";
pub const AGAIN: &str = "no push comes twice";
pub const SKIPPED: &str = "no push is left out before a RESET";
pub const NEEDLESS: &str = "nobody has to load again without a reason";
pub const STOLEN: &str = "a key that was used is worth nothing";
pub const DISPLACED: &str = "who has logged in last keeps the session";
pub const GOOD: &str = "reached: the good end of a session";
pub const RESUMED: &str = "reached: a session that was resumed";

impl Model for Scenario {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let client = Client {
            phase: Phase::Off,
            key: None,
            last: Place::default(),
            commands: [Sent::Not; super::world::COMMANDS],
        };
        vec![World {
            clients: [client; super::world::CLIENTS],
            gates: [0; super::world::GATES],
            conns: Vec::new(),
            owner: Owner::default(),
            net: Vec::new(),
            row: 0,
            pushes_left: self.pushes,
            faults: self.faults,
            witness: super::world::Witness::default(),
        }]
    }

    fn actions(&self, w: &World, out: &mut Vec<Step>) {
        self.steps(w, out);
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut w = last.clone();
        self.take(&mut w, step);
        w.settle();
        (w != *last).then_some(w)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(TWICE, |_, w: &World| w.witness.runs.iter().all(|runs| *runs < 2)),
            Property::always(TRUE, |_, w: &World| !w.witness.untrue),
            Property::always(AGAIN, |_, w: &World| !w.witness.again),
            Property::always(SKIPPED, |_, w: &World| !w.witness.skipped),
            Property::always(NEEDLESS, |_, w: &World| !w.witness.needless),
            Property::always(STOLEN, |_, w: &World| !w.witness.stolen),
            Property::always(DISPLACED, |_, w: &World| !w.witness.displaced),
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
        true
    }

    fn is_fault(step: &Step) -> bool {
        step.is_fault()
    }

    /// Everybody who was not kicked is connected, has all replies, and has seen all pushes.
    fn is_good(&self, w: &World) -> bool {
        let session = w.owner.session.as_ref();
        let is_well = |(client, at): (&Client, u8)| match client.phase {
            Phase::Kicked => true,
            Phase::On(conn) => {
                let done = |n: u8| matches!(client.commands[usize::from(n)], Sent::Done(_));
                let seen = |it: &Session| {
                    it.conn == Some(conn) && client.last == Place { of: it.of, number: it.top }
                };
                (0..self.commands_of(at)).all(done) && session.is_some_and(seen)
            }
            _ => false,
        };
        let clients = w.clients.iter().zip(0..self.clients);
        let all_are_well = clients.into_iter().all(is_well);
        let is_one = session.is_some_and(|it| it.conn.is_some_and(|conn| !self.is_over(w, conn)));
        w.pushes_left == 0 && is_one && all_are_well
    }
}

impl Scenario {
    /// A connection of which nothing is to be expected.
    fn is_over(&self, w: &World, conn: u8) -> bool {
        let conn = w.conn(conn);
        !conn.gate_end || !conn.client_end
    }

    fn take(&self, w: &mut World, step: Step) {
        match step {
            Step::Begin { client } => w.client_mut(client).phase = Phase::Away,
            Step::Dial { client, gate } => self.dial(w, client, gate),
            Step::Send { client, number } => Self::sends(w, client, number),
            Step::Take { conn } => self.takes(w, conn),
            Step::SeeEnd { conn } => Self::leaves(w, conn),
            Step::Read { conn } => self.reads(w, conn),
            Step::MissClient { conn } => Self::misses_client(w, conn),
            Step::AskAgain { conn } => Self::asks_again(w, conn),
            Step::Deliver { at } => {
                let message = w.net.remove(usize::from(at));
                match message.body.is_for_owner() {
                    true => self.owner_hears(w, message.conn, &message.body),
                    false => self.gate_hears(w, message),
                }
            }
            Step::MissGate => {
                if let Some(session) = &mut w.owner.session {
                    session.conn = None;
                }
            }
            Step::Push => self.pushes(w),
            fault => Self::strikes(w, &fault),
        }
    }

    fn strikes(w: &mut World, fault: &Step) {
        match *fault {
            Step::Cut { conn } => {
                w.faults.cut -= 1;
                Self::leaves(w, conn);
            }
            Step::Race { client } => {
                w.faults.race -= 1;
                if let Phase::Dials(conn) = w.clients[usize::from(client)].phase {
                    Self::leaves(w, conn);
                }
            }
            Step::CrashGate { gate } => {
                w.faults.gate_crash -= 1;
                w.gates[usize::from(gate)] += 1;
                for conn in w.conns.iter_mut().filter(|conn| conn.gate == gate) {
                    (conn.gate_end, conn.up, conn.down) = (false, Vec::new(), Vec::new());
                }
            }
            Step::CrashOwner { loses } => {
                w.faults.owner_crash -= 1;
                w.witness.excused = [true; CLIENTS];
                w.owner = Owner { epoch: w.owner.epoch + 1, ..Owner::default() };
                if loses {
                    w.net.clear();
                    w.conns.iter_mut().for_each(|conn| conn.doubted = conn.gate_end && conn.asked);
                }
            }
            Step::Move => {
                w.faults.moves -= 1;
                // With all that the owner knows.
                (w.owner.epoch, w.owner.count) = (w.owner.epoch + 1, 0);
            }
            Step::LoseLink { gate } => {
                w.faults.link -= 1;
                let lost: Vec<bool> = w.conns.iter().map(|conn| conn.gate == gate).collect();
                w.net.retain(|message| !lost[usize::from(message.conn)]);
                let of = w.conns.iter_mut().filter(|conn| conn.gate == gate);
                of.for_each(|conn| conn.doubted = conn.gate_end && conn.asked);
            }
            Step::Duplicate { conn } => {
                w.faults.duplicate -= 1;
                let first = w.conn(conn).up[0];
                w.conn_mut(conn).up.insert(0, first);
            }
            Step::Steal { conn, gate } => {
                w.faults.theft -= 1;
                let Conn { said, passed, attempt, .. } = *w.conn(conn);
                if said.is_some() {
                    let life = w.gates[usize::from(gate)];
                    w.conns.push(Conn::new((THIEF, attempt), gate, life, said, passed));
                }
            }
            Step::Expire => {
                w.faults.expiry -= 1;
                w.witness.excused = [true; CLIENTS];
                w.owner.session = None;
            }
            _ => {}
        }
    }
}
