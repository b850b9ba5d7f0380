//! All that can happen next.

use super::scenario::Scenario;
use super::world::{Conn, Phase, Sent, World};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The player of a further client begins.
    Begin {
        client: u8,
    },
    Dial {
        client: u8,
        gate: u8,
    },
    Send {
        client: u8,
        number: u8,
    },
    /// The client takes what is first for it.
    Take {
        conn: u8,
    },
    /// It sees that the other end is closed.
    SeeEnd {
        conn: u8,
    },
    /// The gate reads what is first for it.
    Read {
        conn: u8,
    },
    /// It has heard nothing for two heartbeats.
    MissClient {
        conn: u8,
    },
    /// It asks for the session again: the owner, or the link to it, was lost.
    AskAgain {
        conn: u8,
    },
    /// What is at this place between gates and the owner arrives.
    Deliver {
        at: u8,
    },
    /// The owner's view no longer has the gate.
    MissGate,
    Push,
    Cut {
        conn: u8,
    },
    Race {
        client: u8,
    },
    CrashGate {
        gate: u8,
    },
    CrashOwner {
        loses: bool,
    },
    Move,
    LoseLink {
        gate: u8,
    },
    Duplicate {
        conn: u8,
    },
    Steal {
        conn: u8,
        gate: u8,
    },
    Expire,
}

impl Step {
    /// Whether it makes things worse: the good end must be in reach without it.
    pub fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::Cut { .. }
                | Self::Race { .. }
                | Self::CrashGate { .. }
                | Self::CrashOwner { .. }
                | Self::Move
                | Self::LoseLink { .. }
                | Self::Duplicate { .. }
                | Self::Steal { .. }
                | Self::Expire
        )
    }
}

impl Scenario {
    pub(super) fn steps(&self, w: &World, out: &mut Vec<Step>) {
        for client in 0..self.clients {
            self.steps_of_client(w, client, out);
        }
        for (conn, at) in w.conns.iter().zip(0..) {
            self.steps_of_conn(w, conn, at, out);
        }
        self.steps_of_net(w, out);
        self.steps_of_owner(w, out);
        for gate in 0..self.gates {
            if w.faults.gate_crash > 0 {
                out.push(Step::CrashGate { gate });
            }
            if w.faults.link > 0 {
                out.push(Step::LoseLink { gate });
            }
        }
    }

    fn steps_of_client(&self, w: &World, client: u8, out: &mut Vec<Step>) {
        let me = &w.clients[usize::from(client)];
        match me.phase {
            Phase::Off => out.push(Step::Begin { client }),
            Phase::Away if w.conns.len() < self.conns => {
                out.extend((0..self.gates).map(|gate| Step::Dial { client, gate }));
            }
            Phase::Dials(_) if w.faults.race > 0 => out.push(Step::Race { client }),
            Phase::On(_) => {
                let next = (0..self.commands_of(client))
                    .find(|n| me.commands[usize::from(*n)] == Sent::Not);
                out.extend(next.map(|number| Step::Send { client, number }));
            }
            _ => {}
        }
    }

    fn steps_of_conn(&self, w: &World, conn: &Conn, at: u8, out: &mut Vec<Step>) {
        if conn.client_end {
            match (conn.down.is_empty(), conn.gate_end) {
                (false, _) => out.push(Step::Take { conn: at }),
                (true, false) => out.push(Step::SeeEnd { conn: at }),
                (true, true) => {}
            }
            if w.faults.cut > 0 {
                out.push(Step::Cut { conn: at });
            }
        }
        if !conn.gate_end {
            return;
        }
        match conn.up.first() {
            Some(_) => {
                out.push(Step::Read { conn: at });
                if w.faults.duplicate > 0 {
                    out.push(Step::Duplicate { conn: at });
                }
            }
            None if !conn.client_end => out.push(Step::MissClient { conn: at }),
            None => {}
        }
        let is_old = conn.asks < w.owner.epoch;
        if conn.asked && (is_old || conn.doubted) && self.rules.gate_asks_again {
            out.push(Step::AskAgain { conn: at });
        }
    }

    fn steps_of_net(&self, w: &World, out: &mut Vec<Step>) {
        for (message, at) in w.net.iter().zip(0..) {
            let before = &w.net[..usize::from(at)];
            if !before.iter().any(|other| other.line() == message.line()) {
                out.push(Step::Deliver { at });
            }
        }
    }

    fn steps_of_owner(&self, w: &World, out: &mut Vec<Step>) {
        if w.pushes_left > 0 {
            out.push(Step::Push);
        }
        if w.faults.owner_crash > 0 {
            out.extend([Step::CrashOwner { loses: false }, Step::CrashOwner { loses: true }]);
        }
        let Some(session) = &w.owner.session else { return };
        if w.faults.moves > 0 {
            out.push(Step::Move);
        }
        match session.conn {
            Some(conn) if self.rules.gate_ends && self.is_gone(w, conn) => out.push(Step::MissGate),
            None if w.faults.expiry > 0 => out.push(Step::Expire),
            _ => {}
        }
        // A key that its client does not need any more.
        if w.faults.theft > 0 && session.before.is_none() && w.conns.len() < self.conns {
            let said = w.conns.iter().zip(0..).filter(|(conn, _)| conn.bound.is_some());
            out.extend(said.map(|(_, conn)| Step::Steal { conn, gate: 0 }));
        }
    }

    /// The gate of a connection has ended with it, and not only the connection.
    fn is_gone(&self, w: &World, conn: u8) -> bool {
        let conn = w.conn(conn);
        conn.crashed_with(w.gates[usize::from(conn.gate)])
    }

    pub(super) fn commands_of(&self, client: u8) -> u8 {
        if client == 0 { self.commands } else { 0 }
    }
}
