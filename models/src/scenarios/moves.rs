//! Planned moves of slots, calls that cross them, and transfers whose answer is not known.

use crate::rules::Rules;
use crate::scenario::{Faults, Scenario, add, protocol};
use crate::script::{calls, nested, none};

/// Planned moves of what is in memory only.
pub(super) fn moves() -> Vec<Scenario> {
    let one = vec![add(0)];
    let three = Scenario { apps: 3, last_epoch: 9, commands: one.clone(), ..protocol("") };
    vec![
        Scenario {
            quick: true,
            soft: 1,
            faults: Faults { loss: 1, duplicate: 1, abort: 1, ..none() },
            commands: one.clone(),
            ..protocol("move: loss, duplicate, abort")
        },
        Scenario {
            quick: true,
            soft: 1,
            faults: Faults { late: 1, loss: 1, ..none() },
            commands: one.clone(),
            ..protocol("move: a grant that its holder has not heard of")
        },
        Scenario {
            soft: 1,
            faults: Faults { loss: 1, duplicate: 1, abort: 1, panic: 1, ..none() },
            commands: one.clone(),
            ..protocol("move: loss, duplicate, abort, panic")
        },
        Scenario {
            soft: 2,
            faults: Faults { loss: 1, duplicate: 1, abort: 1, ..none() },
            commands: one.clone(),
            ..protocol("move: two changes, loss, duplicate, abort")
        },
        Scenario {
            name: "move: three apps, two view changes",
            soft: 1,
            views: vec![[0, 0], [1, 1], [2, 2]],
            faults: Faults { abort: 1, duplicate: 1, ..none() },
            ..three.clone()
        },
        Scenario {
            name: "move: three apps, the slot comes back",
            soft: 1,
            views: vec![[0, 0], [1, 1], [2, 2], [1, 1]],
            ..three.clone()
        },
        Scenario {
            name: "move: requests that name no holding, as views agree",
            views: vec![[0, 0], [1, 1], [2, 2], [1, 1]],
            faults: Faults { duplicate: 1, ..none() },
            rules: Rules { names_the_holding: false, ..Rules::default() },
            ..three.clone()
        },
        Scenario {
            name: "move: three apps, crash",
            views: vec![[0, 0], [1, 1], [2, 2]],
            faults: Faults { crash: 1, ..none() },
            ..three.clone()
        },
        Scenario {
            name: "move: three apps, two keys in the slot",
            soft: 1,
            keys: 2,
            slot_of: [0, 0],
            views: vec![[0, 0], [1, 1], [2, 2]],
            ..three
        },
    ]
}

/// A command of one key calls the other key; their slots change places meanwhile.
pub(super) fn crossings() -> Vec<Scenario> {
    let two = Scenario {
        slots: 2,
        keys: 2,
        views: vec![[0, 1], [1, 0]],
        commands: vec![calls(0, 0, 1), nested(1)],
        ..protocol("")
    };
    vec![
        Scenario {
            name: "crossing: two slots change places, a call between them",
            soft: 0,
            quick: true,
            ..two.clone()
        },
        Scenario {
            name: "crossing: calls both ways",
            commands: vec![calls(0, 0, 2), calls(1, 1, 3), nested(1), nested(0)],
            outstanding: 2,
            ..two.clone()
        },
        Scenario {
            name: "crossing: a call between slots that move, crash",
            faults: Faults { crash: 1, ..none() },
            ..two.clone()
        },
        Scenario {
            name: "crossing: three apps, two slots, two keys",
            apps: 3,
            views: vec![[0, 1], [1, 2]],
            faults: Faults { abort: 1, ..none() },
            ..two
        },
    ]
}

/// The answer to `transfer` is not known.
pub(super) fn transfers() -> Vec<Scenario> {
    let late = Scenario { transfers_travel: true, soft: 1, commands: vec![add(0)], ..protocol("") };
    vec![
        Scenario {
            name: "transfer: late, lost, given up",
            quick: true,
            soft: 2,
            faults: Faults { loss: 1, abort: 1, ..none() },
            ..late.clone()
        },
        Scenario {
            name: "transfer: late, twice, given up",
            faults: Faults { duplicate: 1, abort: 1, ..none() },
            ..late.clone()
        },
        Scenario {
            name: "transfer: late, lost, the target crashes",
            faults: Faults { loss: 1, abort: 1, crash: 1, ..none() },
            ..late.clone()
        },
        Scenario {
            name: "transfer: late, reads",
            reads: true,
            soft: 0,
            commands: vec![add(0), add(1)],
            faults: Faults { loss: 1, abort: 1, ..none() },
            ..late.clone()
        },
        Scenario {
            name: "transfer: late, suspension",
            suspends: true,
            faults: Faults { lapse: 1, abort: 1, loss: 1, ..none() },
            ..late
        },
    ]
}
