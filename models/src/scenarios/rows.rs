//! Reads of rows, rows that are deleted, and the records of commands.

use crate::rules::{Batch, ReadCheck, Rules};
use crate::scenario::{Command, Faults, Scenario, add, protocol};
use crate::script::{calls, created_and_deleted, nested, none, posts};

pub(super) fn reads() -> Vec<Scenario> {
    let reads = Scenario { reads: true, ..protocol("") };
    vec![
        Scenario {
            name: "read: clocks within their bound",
            faults: Faults { pause: 1, lapse: 1, ..none() },
            ..reads.clone()
        },
        Scenario {
            name: "read: confirmed by the store, broken clocks",
            commands: vec![add(0)],
            broken_clock: true,
            faults: Faults { pause: 1, lapse: 1, ..none() },
            rules: Rules { read_check: ReadCheck::Store, ..Rules::default() },
            ..reads.clone()
        },
        Scenario {
            name: "read: the clock is looked at when the call has come",
            quick: true,
            faults: Faults { pause: 1, ..none() },
            rules: Rules { read_check: ReadCheck::BeforeReading, ..Rules::default() },
            ..reads.clone()
        },
        Scenario {
            name: "read: of a row that was never there",
            absent: true,
            faults: Faults { lapse: 1, duplicate: 1, ..none() },
            ..reads
        },
    ]
}

pub(super) fn rows() -> Vec<Scenario> {
    let redo = Scenario { rules: Rules { batch: Batch::Redo, ..Rules::default() }, ..protocol("") };
    vec![
        Scenario {
            absent: true,
            commands: created_and_deleted(),
            faults: Faults { lapse: 1, duplicate: 1, loss: 1, ..none() },
            ..protocol("row: created, deleted, created")
        },
        Scenario {
            quick: true,
            absent: true,
            commands: created_and_deleted(),
            faults: Faults { lapse: 1, sweep: 1, ..none() },
            ..protocol("row: deleted and removed")
        },
        Scenario {
            absent: true,
            claims_travel: true,
            commands: created_and_deleted(),
            faults: Faults { pause: 1, duplicate: 1, sweep: 1, ..none() },
            ..protocol("row: deleted and removed, late claims and writes")
        },
        Scenario {
            absent: true,
            suspends: true,
            commands: created_and_deleted(),
            views: vec![[0, 0], [1, 1], [0, 0]],
            faults: Faults { lapse: 1, sweep: 1, ..none() },
            ..protocol("row: deleted and removed during a suspension")
        },
        Scenario {
            absent: true,
            commands: created_and_deleted().into_iter().take(2).collect(),
            faults: Faults { reset: 1, sweep: 1, ..none() },
            ..protocol("row: deleted and removed, epochs are lost")
        },
        Scenario {
            name: "row: two rows by a redo record",
            faults: Faults { crash: 1, duplicate: 1, ..none() },
            ..redo.clone()
        },
        Scenario {
            name: "row: two rows by a redo record, lapse",
            quick: true,
            faults: Faults { lapse: 1, ..none() },
            ..redo
        },
    ]
}

pub(super) fn commands() -> Vec<Scenario> {
    vec![
        Scenario {
            quick: true,
            outstanding: 2,
            commands: vec![add(0), add(1), add(2)],
            faults: Faults { crash: 1, ..none() },
            ..protocol("command: records from the lowest number on")
        },
        Scenario {
            commands: vec![add(0), Command { session: 1, ..add(0) }],
            faults: Faults { crash: 1, lapse: 1, ..none() },
            ..protocol("command: two sessions")
        },
        Scenario {
            keys: 2,
            slot_of: [0, 0],
            commands: vec![calls(0, 0, 1), nested(1)],
            faults: Faults { crash: 1, ..none() },
            ..protocol("command: a call inside a command")
        },
        Scenario {
            keys: 2,
            slot_of: [0, 0],
            commands: vec![posts(0, 0, 1), nested(1)],
            faults: Faults { crash: 1, duplicate: 1, ..none() },
            ..protocol("command: a message by the outbox")
        },
        Scenario {
            slots: 2,
            keys: 2,
            views: vec![[0, 1], [1, 1]],
            commands: vec![posts(0, 0, 1), nested(1)],
            faults: Faults { crash: 1, panic: 1, ..none() },
            ..protocol("command: a message to another slot by the outbox")
        },
    ]
}
