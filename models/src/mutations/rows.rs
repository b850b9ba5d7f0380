//! Rules of what is written: rows, tombstones, reads, commands and messages.

use super::ground::{alone, carried, lapse, rules};
use crate::rules::{Batch, Claim, ReadCheck, Records, Rules};
use crate::scenario::{Command, Does, Faults, Scenario, add, protocol};
use crate::script::{calls, created_and_deleted, nested, none, posts};
use crate::search::STUCK;
use crate::world::{BACK, EFFECT, LOST, READ, SEQUENCE, SOFT, TWICE};

#[allow(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows() -> Vec<Scenario> {
    let lapses = Scenario { faults: lapse(), ..protocol("") };
    vec![
        Scenario {
            name: "rules 8, 9: no claim, no version",
            finds: &[LOST, SEQUENCE],
            rules: Rules { claim: Claim::Never, version: false, ..rules() },
            ..lapses.clone()
        },
        Scenario {
            name: "rule 8: no claim, by a reader",
            finds: &[READ],
            reads: true,
            rules: Rules { claim: Claim::Never, ..rules() },
            ..lapses.clone()
        },
        Scenario {
            name: "rule 9: no fence and no version",
            finds: &[BACK, LOST],
            rules: Rules { fence: false, version: false, ..rules() },
            ..lapses.clone()
        },
        Scenario {
            name: "rule 9: no version",
            finds: &[LOST],
            faults: Faults { duplicate: 1, ..none() },
            rules: Rules { version: false, ..rules() },
            ..alone()
        },
        Scenario {
            name: "rules 8, 9: versions alone",
            finds: &[BACK],
            broken_clock: true,
            faults: Faults { lapse: 1, panic: 1, ..none() },
            rules: Rules { fence: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 9: the store checks, then writes",
            finds: &[LOST],
            rules: Rules { one_statement: false, ..rules() },
            ..lapses
        },
        Scenario {
            name: "rule 8: no activation in the token, no version",
            finds: &[SEQUENCE],
            faults: Faults { panic: 1, ..none() },
            rules: Rules {
                activation_in_token: false,
                claim_once: false,
                version: false,
                ..rules()
            },
            ..alone()
        },
        Scenario {
            name: "rule 8: no activation in the token",
            finds: &[LOST],
            faults: Faults { panic: 1, ..none() },
            rules: Rules { activation_in_token: false, claim_once: false, ..rules() },
            ..alone()
        },
        Scenario {
            name: "rule 8, new: a claim counts twice",
            finds: &[LOST],
            claims_travel: true,
            owned: false,
            faults: Faults { duplicate: 1, ..none() },
            rules: Rules { claim_once: false, ..rules() },
            ..alone()
        },
        Scenario {
            name: "rule 10: a retry carries newer fields",
            finds: &[SOFT],
            faults: Faults { loss: 1, duplicate: 1, ..none() },
            rules: Rules { same_bytes: false, ..rules() },
            ..carried()
        },
        Scenario {
            name: "rule 14: reply before the commit",
            finds: &[LOST],
            faults: Faults { crash: 1, ..none() },
            rules: Rules { reply_after_commit: false, ..rules() },
            ..protocol("")
        },
    ]
}

pub(super) fn tombstones_and_batches() -> Vec<Scenario> {
    let absent =
        Scenario { absent: true, rules: Rules { tombstones: false, ..rules() }, ..protocol("") };
    let deleted = Command { does: Does::Delete, ..add(1) };
    vec![
        Scenario {
            name: "rule 7: an absent row is not claimed",
            finds: &[READ],
            reads: true,
            faults: lapse(),
            ..absent.clone()
        },
        Scenario {
            name: "rule 7: a late create after a delete",
            finds: &[LOST],
            faults: Faults { duplicate: 1, ..none() },
            commands: vec![add(0), deleted],
            views: vec![[0, 0]],
            ..absent.clone()
        },
        Scenario {
            name: "rule 30: a delete forgets its reply",
            finds: &[LOST],
            commands: vec![add(0), deleted, add(2)],
            views: vec![[0, 0]],
            ..absent
        },
        Scenario {
            name: "rule 13: a batch is not atomic",
            finds: &[LOST],
            faults: Faults { crash: 1, ..none() },
            rules: Rules { batch: Batch::Split, ..rules() },
            ..alone()
        },
    ]
}

pub(super) fn reads() -> Vec<Scenario> {
    let paused = Scenario {
        finds: &[READ],
        reads: true,
        faults: Faults { pause: 1, ..none() },
        ..protocol("")
    };
    vec![
        Scenario {
            name: "rule 25: a timer alone",
            rules: Rules { read_check: ReadCheck::Never, ..rules() },
            ..paused.clone()
        },
        Scenario {
            name: "rule 25: clocks beyond their bound",
            broken_clock: true,
            faults: lapse(),
            ..paused.clone()
        },
        Scenario {
            name: "rule 24: a read of what is not committed",
            faults: lapse(),
            rules: Rules { read_waits: false, ..rules() },
            ..paused
        },
    ]
}

pub(super) fn commands() -> Vec<Scenario> {
    let two = Scenario { outstanding: 2, ..alone() };
    vec![
        Scenario {
            name: "rule 29: numbers without a session",
            finds: &[LOST],
            commands: vec![add(0), Command { session: 1, ..add(0) }],
            rules: Rules { records: Records::WithoutSession, ..rules() },
            ..alone()
        },
        Scenario {
            name: "rule 29, new: a nested call has another id each time",
            finds: &[TWICE],
            keys: 2,
            slot_of: [0, 0],
            faults: Faults { panic: 1, ..none() },
            commands: vec![calls(0, 0, 1), nested(1)],
            rules: Rules { nested_ids: false, ..rules() },
            ..alone()
        },
        Scenario {
            name: "rule 30: the reply is not stored",
            finds: &[TWICE],
            faults: Faults { crash: 1, ..none() },
            rules: Rules { records: Records::None, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 31: the last reply only",
            finds: &[TWICE],
            rules: Rules { records: Records::LastOnly, ..rules() },
            ..two.clone()
        },
        Scenario {
            name: "rule 31: the highest number only",
            finds: &[STUCK],
            rules: Rules { records: Records::HighestOnly, ..rules() },
            ..two
        },
    ]
}

pub(super) fn outbox() -> Vec<Scenario> {
    let posts = Scenario {
        keys: 2,
        slot_of: [0, 0],
        commands: vec![posts(0, 0, 1), nested(1)],
        faults: Faults { crash: 1, ..none() },
        ..alone()
    };
    vec![
        Scenario {
            name: "rule 27: a message in memory only",
            finds: &[STUCK],
            rules: Rules { outbox_in_row: false, ..rules() },
            ..posts.clone()
        },
        Scenario {
            name: "rule 27: a message goes out before the commit",
            finds: &[EFFECT],
            rules: Rules { outbox_after_commit: false, ..rules() },
            ..posts.clone()
        },
        Scenario {
            name: "rule 27: a message is not deduplicated",
            finds: &[TWICE],
            rules: Rules { outbox_deduplicated: false, ..rules() },
            ..posts
        },
    ]
}

/// Rows that were deleted, and whose tombstones are gone.
pub(super) fn removed_tombstones() -> Vec<Scenario> {
    let removed = Scenario {
        absent: true,
        commands: created_and_deleted(),
        faults: Faults { panic: 1, pause: 1, sweep: 1, ..none() },
        ..protocol("")
    };
    vec![
        Scenario {
            name: "rule 32: no floor",
            finds: &[BACK],
            rules: Rules { floor: false, ..rules() },
            ..removed.clone()
        },
        Scenario {
            name: "rule 32: removed while a record is wanted",
            finds: &[LOST],
            faults: Faults { sweep: 1, ..none() },
            rules: Rules { records_run_out: false, ..rules() },
            ..removed.clone()
        },
        Scenario {
            name: "rule 32, new: a late claim makes the version that a write expects",
            finds: &[LOST],
            claims_travel: true,
            faults: Faults { pause: 1, duplicate: 1, sweep: 1, ..none() },
            rules: Rules { floor_skips: false, ..rules() },
            ..removed
        },
    ]
}
