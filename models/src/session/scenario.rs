//! A scenario of a session: who plays, what is sent, which faults may occur, and which rules are in force.

use super::faults::Faults;
use super::world::COMMANDS;

/// What is in force. `Rules::default()` is the protocol; its numbers are those of [the list](super).
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Rule 1: a key that was used and followed by another one is void.
    pub keys_change: bool,
    /// Rule 1: but it counts until the client has shown that it has the next one.
    pub key_before_counts: bool,
    /// Rule 2: an attempt that is older than the present one changes nothing.
    pub attempts_in_order: bool,
    /// Rule 2: the end of a connection that is not the present one changes nothing.
    pub ends_compared: bool,
    /// Rule 3: a client says of a command that it has been sent before.
    pub says_resent: bool,
    /// Rule 3: a gate takes a command that is not sent again once on each connection.
    pub gate_counts: bool,
    /// Rule 3: records of durable commands are committed with their effect.
    pub records: bool,
    /// Rule 4: what was sent again, has no record, and is not durable, does not run.
    pub refuses_unknown: bool,
    /// Rule 5: pushes are kept until they are acknowledged.
    pub keeps: bool,
    /// Rule 6: a window that is full is a hole, and a hole begins another numbering.
    pub hole_is_told: bool,
    /// Rule 6: numberings are told apart.
    pub numberings: bool,
    /// Rule 7: what a gate had ends with it.
    pub gate_ends: bool,
    /// Rule 7: a gate whose link to the owner was lost asks for the session again.
    pub gate_asks_again: bool,
    /// Rule 7: a gate passes on a push only if it follows the one before, and otherwise asks again.
    pub gate_follows: bool,
    /// Rule 7: a gate hears no owner that is older than the one it has.
    pub owners_in_order: bool,
    /// Rule 8: a login makes earlier keys void.
    pub login_voids: bool,
    /// Rule 8: also where the owner of a login was lost, the later one wins.
    pub logins_in_order: bool,
    /// Rule 8: a client that was kicked stays away.
    pub kicked_stays: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            keys_change: true,
            key_before_counts: true,
            attempts_in_order: true,
            ends_compared: true,
            says_resent: true,
            gate_counts: true,
            records: true,
            refuses_unknown: true,
            keeps: true,
            hole_is_told: true,
            numberings: true,
            gate_ends: true,
            gate_asks_again: true,
            gate_follows: true,
            owners_in_order: true,
            login_voids: true,
            logins_in_order: true,
            kicked_stays: true,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// Properties of which a counterexample is to be found; none: all hold.
    pub finds: &'static [&'static str],
    /// What must happen somewhere, lest the scenario shows nothing.
    pub reaches: &'static [&'static str],
    pub clients: u8,
    pub gates: u8,
    /// Whether each command is durable.
    pub durable: [bool; COMMANDS],
    /// Commands that the first client sends.
    pub commands: u8,
    pub pushes: u8,
    /// Pushes that are kept.
    pub window: usize,
    /// Attempts of all clients: keeps the model finite.
    pub conns: usize,
    pub faults: Faults,
    pub rules: Rules,
}

/// One client, two gates, no faults.
pub fn session(name: &'static str) -> Scenario {
    Scenario {
        name,
        finds: &[],
        reaches: &[],
        clients: 1,
        gates: 2,
        durable: [true, false, true],
        commands: 0,
        pushes: 0,
        window: 2,
        conns: 4,
        faults: Faults::default(),
        rules: Rules::default(),
    }
}
