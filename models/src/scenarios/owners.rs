//! Owners that are gone, and owners whose lease has run out.

use crate::rules::Rules;
use crate::scenario::{Faults, Scenario, add, protocol};
use crate::script::none;
use crate::world::RESUMED;

/// An owner that is gone, or thinks that it is not.
pub(super) fn takeovers() -> Vec<Scenario> {
    vec![
        Scenario {
            quick: true,
            faults: Faults { crash: 1, ..none() },
            ..protocol("takeover: crash")
        },
        Scenario {
            faults: Faults { lapse: 1, crash: 1, duplicate: 1, ..none() },
            ..protocol("takeover: lapse, crash, duplicate")
        },
        Scenario {
            broken_clock: true,
            commands: vec![add(0)],
            faults: Faults { lapse: 1, pause: 1, ..none() },
            ..protocol("takeover: pause, broken clocks")
        },
        Scenario {
            faults: Faults { cut: 1, loss: 1, ..none() },
            ..protocol("takeover: cut off from all but the store")
        },
        Scenario {
            broken_clock: true,
            commands: vec![add(0)],
            faults: Faults { panic: 1, lapse: 1, duplicate: 1, loss: 1, ..none() },
            ..protocol("takeover: panic, duplicate, loss, broken clocks")
        },
        Scenario {
            claims_travel: true,
            faults: Faults { crash: 1, loss: 1, duplicate: 1, ..none() },
            commands: vec![add(0)],
            ..protocol("takeover: claims are late, twice, lost")
        },
        Scenario {
            claims_travel: true,
            faults: Faults { crash: 1, loss: 1, abort: 1, ..none() },
            commands: vec![add(0)],
            rules: Rules { claim_once: false, ..Rules::default() },
            ..protocol("takeover: late claims that count each, none sent twice")
        },
        Scenario {
            broken_clock: true,
            commands: vec![add(0)],
            faults: Faults { reset: 1, lapse: 1, ..none() },
            ..protocol("takeover: epochs are lost")
        },
        Scenario {
            owned: false,
            faults: Faults { crash: 1, pause: 1, ..none() },
            commands: vec![add(0)],
            ..protocol("takeover: from nothing")
        },
        Scenario {
            reads: true,
            faults: Faults { restart: 1, pause: 1, ..none() },
            ..protocol("takeover: the lease service forgets its holders")
        },
        Scenario {
            quick: true,
            reads: true,
            transfers_travel: true,
            commands: vec![add(0)],
            faults: Faults { restart: 1, loss: 1, ..none() },
            ..protocol("takeover: the lease service forgets its holders during a move")
        },
    ]
}

/// An owner whose deadline passes keeps its memory.
pub(super) fn suspensions() -> Vec<Scenario> {
    let keeps = Scenario {
        suspends: true,
        soft: 1,
        commands: vec![add(0)],
        reaches: &[RESUMED],
        ..protocol("")
    };
    vec![
        Scenario {
            name: "suspension: the only app lapses",
            quick: true,
            views: vec![[0, 0]],
            apps: 1,
            faults: Faults { lapse: 1, pause: 1, loss: 1, ..none() },
            ..keeps.clone()
        },
        Scenario {
            name: "suspension: lapse, duplicate",
            faults: Faults { lapse: 2, duplicate: 1, ..none() },
            ..keeps.clone()
        },
        Scenario {
            name: "suspension: loss, late claims",
            claims_travel: true,
            faults: Faults { lapse: 1, loss: 1, abort: 1, ..none() },
            ..keeps.clone()
        },
        Scenario {
            name: "suspension: somebody else was there",
            views: vec![[0, 0], [1, 1], [0, 0]],
            soft: 0,
            reaches: &[],
            faults: Faults { pause: 1, lapse: 1, ..none() },
            ..keeps.clone()
        },
        Scenario {
            name: "suspension: cut off, broken clocks",
            broken_clock: true,
            faults: Faults { cut: 1, lapse: 1, ..none() },
            ..keeps.clone()
        },
        Scenario {
            name: "suspension: reads",
            reads: true,
            soft: 0,
            reaches: &[],
            faults: Faults { pause: 1, lapse: 1, ..none() },
            ..keeps
        },
    ]
}
