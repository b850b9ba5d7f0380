//! The protocol under faults: all properties hold, and the good end stays in reach.

use super::faults::Faults;
use super::model::RESUMED;
use super::scenario::{Scenario, session};
use super::world::COMMANDS;

pub fn scenarios() -> Vec<Scenario> {
    [cuts(), owners(), apps(), players()].concat()
}

/// Connections that end.
fn cuts() -> Vec<Scenario> {
    let none = Faults::default();
    vec![
        Scenario {
            commands: 2,
            pushes: 1,
            conns: 3,
            faults: Faults { cut: 1, ..none },
            reaches: &[RESUMED],
            ..session("session: cut")
        },
        Scenario {
            pushes: 2,
            faults: Faults { cut: 2, ..none },
            reaches: &[RESUMED],
            ..session("session: two cuts")
        },
        Scenario {
            pushes: 1,
            gates: 1,
            faults: Faults { race: 1, cut: 1, ..none },
            reaches: &[RESUMED],
            ..session("session: two sockets with one key")
        },
    ]
}

/// Owners that are lost.
fn owners() -> Vec<Scenario> {
    let none = Faults::default();
    vec![
        Scenario {
            commands: 2,
            pushes: 1,
            faults: Faults { owner_crash: 1, ..none },
            ..session("session: the owner ends")
        },
        Scenario {
            durable: [false; COMMANDS],
            commands: 1,
            gates: 1,
            conns: 2,
            faults: Faults { owner_crash: 1, cut: 1, duplicate: 1, ..none },
            ..session("session: the owner ends, cut, duplicate")
        },
        Scenario {
            durable: [true; COMMANDS],
            commands: 1,
            gates: 1,
            conns: 3,
            faults: Faults { owner_crash: 1, cut: 1, duplicate: 1, ..none },
            ..session("session: the owner ends, cut, duplicate, durable")
        },
        Scenario {
            gates: 1,
            conns: 2,
            faults: Faults { owner_crash: 1, link: 1, cut: 1, ..none },
            ..session("session: the owner ends, cut, a link is lost")
        },
    ]
}

/// Gates that are lost, sessions that move, links that break.
fn apps() -> Vec<Scenario> {
    let none = Faults::default();
    vec![
        Scenario {
            commands: 2,
            pushes: 1,
            conns: 3,
            faults: Faults { gate_crash: 1, ..none },
            reaches: &[RESUMED],
            ..session("session: a gate ends")
        },
        Scenario {
            commands: 1,
            pushes: 1,
            gates: 1,
            conns: 2,
            faults: Faults { moves: 1, cut: 1, ..none },
            reaches: &[RESUMED],
            ..session("session: it moves, cut")
        },
        Scenario {
            pushes: 2,
            gates: 1,
            conns: 2,
            faults: Faults { moves: 2, link: 1, ..none },
            ..session("session: it moves twice, a link is lost")
        },
        Scenario {
            commands: 2,
            pushes: 2,
            gates: 1,
            conns: 2,
            faults: Faults { link: 1, ..none },
            ..session("session: a link to the owner is lost")
        },
    ]
}

/// Further logins, stolen keys, and clients that are away for long.
fn players() -> Vec<Scenario> {
    let none = Faults::default();
    vec![
        Scenario {
            pushes: 3,
            window: 1,
            gates: 1,
            conns: 3,
            faults: Faults { cut: 1, ..none },
            ..session("session: a full window")
        },
        Scenario {
            clients: 2,
            pushes: 1,
            gates: 1,
            faults: Faults { cut: 1, ..none },
            ..session("session: a second login, cut")
        },
        Scenario {
            clients: 2,
            gates: 1,
            conns: 2,
            faults: Faults { owner_crash: 1, ..none },
            ..session("session: a second login, the owner ends")
        },
        Scenario {
            pushes: 1,
            gates: 1,
            faults: Faults { theft: 1, cut: 1, ..none },
            reaches: &[RESUMED],
            ..session("session: somebody uses a key again")
        },
        Scenario {
            pushes: 1,
            gates: 1,
            faults: Faults { expiry: 1, cut: 1, ..none },
            ..session("session: away for too long")
        },
    ]
}
