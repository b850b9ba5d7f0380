//! The protocol under faults: all properties hold, and the good end stays in reach.

use crate::rules::{Batch, ReadCheck, Rules};
use crate::scenario::{Command, Does, Faults, Scenario, add, on, protocol};
use crate::world::RESUMED;

pub fn all() -> Vec<Scenario> {
    let mut all = takeovers();
    all.extend(moves());
    all.extend(crossings());
    all.extend(suspensions());
    all.extend(transfers());
    all.extend(reads());
    all.extend(rows());
    all.extend(commands());
    all
}

/// An owner that is gone, or thinks that it is not.
fn takeovers() -> Vec<Scenario> {
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

/// Planned moves of what is in memory only.
fn moves() -> Vec<Scenario> {
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
fn crossings() -> Vec<Scenario> {
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

/// An owner whose deadline passes keeps its memory.
fn suspensions() -> Vec<Scenario> {
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

/// The answer to `transfer` is not known.
fn transfers() -> Vec<Scenario> {
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

fn reads() -> Vec<Scenario> {
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

fn rows() -> Vec<Scenario> {
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

/// A row that is made, deleted, and made again.
pub fn created_and_deleted() -> Vec<Command> {
    vec![add(0), Command { does: Does::Delete, ..add(1) }, add(2)]
}

fn commands() -> Vec<Scenario> {
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

/// A command that calls the one with the index `call`.
pub const fn calls(key: u8, number: u8, call: u8) -> Command {
    Command { does: Does::Call(call), ..on(key, number) }
}

/// A command that posts the one with the index `message`.
pub const fn posts(key: u8, number: u8, message: u8) -> Command {
    Command { does: Does::Post(message), ..on(key, number) }
}

/// What is called or posted by a command.
pub const fn nested(key: u8) -> Command {
    Command { session: 7, ..on(key, 0) }
}

pub const fn none() -> Faults {
    Faults {
        crash: 0,
        pause: 0,
        cut: 0,
        lapse: 0,
        panic: 0,
        duplicate: 0,
        loss: 0,
        reset: 0,
        restart: 0,
        late: 0,
        abort: 0,
        sweep: 0,
    }
}
