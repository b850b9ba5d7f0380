//! One rule less: each finds what the rule is for.

use super::faults::Faults;
use super::model::{DISPLACED, NEEDLESS, STOLEN, TWICE};
use super::scenario::{Rules, Scenario, session};
use crate::search::STUCK;

pub fn mutations() -> Vec<Scenario> {
    [keys(), commands(), pushes(), gates(), logins()].concat()
}

/// Rules 1 and 2.
fn keys() -> Vec<Scenario> {
    let (none, rules) = (Faults::default(), Rules::default());
    vec![
        Scenario {
            finds: &[STOLEN],
            pushes: 1,
            gates: 1,
            faults: Faults { theft: 1, cut: 1, ..none },
            rules: Rules { keys_change: false, ..rules },
            ..session("session rule 1: a key counts for ever")
        },
        Scenario {
            finds: &[STUCK],
            pushes: 1,
            gates: 1,
            faults: Faults { cut: 2, ..none },
            rules: Rules { key_before_counts: false, ..rules },
            ..session("session rule 1: the key before is void at once")
        },
        Scenario {
            finds: &[STUCK],
            pushes: 1,
            gates: 1,
            conns: 2,
            faults: Faults { race: 1, ..none },
            rules: Rules { attempts_in_order: false, ..rules },
            ..session("session rule 2: a late attempt counts")
        },
        Scenario {
            finds: &[STUCK],
            pushes: 1,
            gates: 2,
            conns: 2,
            faults: Faults { cut: 1, ..none },
            rules: Rules { ends_compared: false, ..rules },
            ..session("session rule 2: any end is that of the present connection")
        },
    ]
}

/// Rules 3 and 4.
fn commands() -> Vec<Scenario> {
    let (none, rules) = (Faults::default(), Rules::default());
    vec![
        Scenario {
            finds: &[TWICE],
            commands: 2,
            gates: 1,
            conns: 3,
            faults: Faults { owner_crash: 1, cut: 1, ..none },
            rules: Rules { says_resent: false, ..rules },
            ..session("session rule 3: a command sent again does not say so")
        },
        Scenario {
            finds: &[TWICE],
            commands: 2,
            gates: 1,
            conns: 2,
            faults: Faults { owner_crash: 1, duplicate: 1, ..none },
            rules: Rules { gate_counts: false, ..rules },
            ..session("session rule 3: a gate takes a number twice")
        },
        Scenario {
            finds: &[TWICE],
            commands: 1,
            gates: 1,
            conns: 2,
            faults: Faults { cut: 1, ..none },
            rules: Rules { records: false, ..rules },
            ..session("session rule 3: no records")
        },
        Scenario {
            finds: &[TWICE],
            commands: 2,
            gates: 1,
            conns: 2,
            faults: Faults { owner_crash: 1, cut: 1, ..none },
            rules: Rules { refuses_unknown: false, ..rules },
            ..session("session rule 4: what may have run runs")
        },
    ]
}

/// Rules 5 and 6.
fn pushes() -> Vec<Scenario> {
    let (none, rules) = (Faults::default(), Rules::default());
    vec![
        Scenario {
            finds: &[NEEDLESS],
            pushes: 1,
            gates: 1,
            conns: 2,
            faults: Faults { cut: 1, ..none },
            rules: Rules { keeps: false, ..rules },
            ..session("session rule 5: pushes are not kept")
        },
        Scenario {
            finds: &[STUCK],
            pushes: 3,
            window: 1,
            gates: 1,
            conns: 3,
            faults: Faults { cut: 1, ..none },
            rules: Rules { hole_is_told: false, ..rules },
            ..session("session rule 6: the oldest push is dropped without a word")
        },
        Scenario {
            finds: &[STUCK],
            pushes: 3,
            window: 1,
            gates: 1,
            conns: 2,
            faults: Faults { cut: 1, ..none },
            rules: Rules { numberings: false, ..rules },
            ..session("session rule 6: numbers come back after a hole")
        },
    ]
}

/// Rule 7.
fn gates() -> Vec<Scenario> {
    let (none, rules) = (Faults::default(), Rules::default());
    vec![
        Scenario {
            finds: &[NEEDLESS],
            gates: 1,
            conns: 2,
            faults: Faults { owner_crash: 1, link: 1, cut: 1, ..none },
            rules: Rules { owners_in_order: false, ..rules },
            ..session("session rule 7: a gate hears an owner of before")
        },
        Scenario {
            finds: &[STUCK],
            pushes: 3,
            window: 1,
            gates: 1,
            conns: 2,
            rules: Rules { gate_follows: false, ..rules },
            ..session("session rule 7: a gate passes on whatever push it gets")
        },
        Scenario {
            finds: &[STUCK],
            pushes: 1,
            gates: 1,
            conns: 2,
            faults: Faults { link: 1, ..none },
            rules: Rules { gate_asks_again: false, ..rules },
            ..session("session rule 7: a lost link is not noticed")
        },
    ]
}

/// Rule 8.
fn logins() -> Vec<Scenario> {
    let (none, rules) = (Faults::default(), Rules::default());
    vec![
        Scenario {
            finds: &[DISPLACED],
            clients: 2,
            gates: 1,
            conns: 3,
            faults: Faults { cut: 1, ..none },
            rules: Rules { login_voids: false, ..rules },
            ..session("session rule 8: an earlier key is a login")
        },
        Scenario {
            finds: &[DISPLACED],
            clients: 2,
            gates: 1,
            conns: 3,
            rules: Rules { kicked_stays: false, ..rules },
            ..session("session rule 8: a client that was kicked comes back")
        },
        Scenario {
            finds: &[DISPLACED],
            clients: 2,
            gates: 1,
            conns: 3,
            faults: Faults { owner_crash: 1, cut: 1, ..none },
            rules: Rules { logins_in_order: false, ..rules },
            ..session("session rule 8: who comes back first has logged in last")
        },
    ]
}
