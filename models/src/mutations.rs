//! One rule less: each finds what the rule is for. The rows of section (b) of the protocol's page, and those that are new here.

use crate::rules::{Batch, Claim, Handover, ReadCheck, Records, Resume, Rules, TakeBack};
use crate::scenario::{Command, Does, Faults, Scenario, add, protocol};
use crate::scenarios::{calls, created_and_deleted, nested, none, posts};
use crate::world::{BACK, EFFECT, LOST, MOVES, ONCE, READ, SEQUENCE, SOFT, STALE, STUCK, TWICE};

pub fn all() -> Vec<Scenario> {
    let mut all = rows();
    all.extend(tombstones_and_batches());
    all.extend(leases());
    all.extend(lost_epochs());
    all.extend(lost_holders());
    all.extend(handovers());
    all.extend(payloads());
    all.extend(suspensions_and_transfers());
    all.extend(reads());
    all.extend(commands());
    all.extend(outbox());
    all.extend(removed_tombstones());
    all
}

/// One app that keeps its slot.
fn alone() -> Scenario {
    Scenario { apps: 1, views: vec![[0, 0]], ..protocol("") }
}

/// One non-durable change that a move must carry.
fn carried() -> Scenario {
    Scenario { soft: 1, commands: vec![add(0)], ..protocol("") }
}

/// A slot that goes over three apps.
fn three() -> Scenario {
    Scenario { apps: 3, views: vec![[0, 0], [1, 1], [2, 2]], last_epoch: 9, ..carried() }
}

fn lapse() -> Faults {
    Faults { lapse: 1, ..none() }
}

fn rules() -> Rules {
    Rules::default()
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn rows() -> Vec<Scenario> {
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

fn tombstones_and_batches() -> Vec<Scenario> {
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

fn leases() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "rule 1: no life in the holder",
            finds: &[LOST],
            faults: Faults { crash: 1, ..none() },
            rules: Rules {
                life_in_holder: false,
                version: false,
                claim: Claim::EpochOnly,
                ..rules()
            },
            ..alone()
        },
        Scenario {
            name: "rule 2: who acquires again gets its old epoch",
            finds: &[LOST],
            faults: lapse(),
            rules: Rules { fresh_epochs: false, version: false, claim: Claim::Never, ..rules() },
            ..alone()
        },
        Scenario {
            name: "rule 4: renewed after the expiry, reads",
            finds: &[READ],
            reads: true,
            faults: Faults { pause: 1, crash: 1, ..none() },
            rules: Rules { expired_for_good: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 4: renewed after the expiry, a payload",
            finds: &[STALE],
            faults: Faults { pause: 1, crash: 1, ..none() },
            rules: Rules { expired_for_good: false, read_check: ReadCheck::Never, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 4: a release by id alone",
            finds: &[READ],
            reads: true,
            faults: Faults { pause: 1, ..none() },
            rules: Rules { release_compares: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 22, new: a grant that its holder does not know of",
            finds: &[STUCK],
            faults: Faults { loss: 1, ..none() },
            owned: false,
            commands: vec![add(0)],
            rules: Rules { unknown_is_asked_for: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 28: views decide, no lease",
            finds: &[LOST],
            rules: Rules { lease: false, claim: Claim::EpochOnly, version: false, ..rules() },
            ..protocol("")
        },
    ]
}

fn lost_epochs() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "rules 3, 8: the same epoch twice",
            finds: &[LOST],
            broken_clock: true,
            faults: Faults { reset: 1, lapse: 1, ..none() },
            rules: Rules { claim: Claim::EpochOnly, version: false, at_least: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 12: no floor for the next grant",
            finds: &[STUCK],
            last_epoch: 3,
            commands: vec![add(0)],
            faults: Faults { reset: 1, ..none() },
            rules: Rules { at_least: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 17: the asker does not say its largest epoch",
            finds: &[STUCK],
            views: vec![[1, 1], [0, 0], [1, 1]],
            last_epoch: 5,
            commands: vec![add(0)],
            faults: Faults { reset: 1, ..none() },
            rules: Rules { says_largest: false, ..rules() },
            ..protocol("")
        },
    ]
}

fn lost_holders() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "rule 33: a restarted service grants at once",
            finds: &[READ],
            reads: true,
            faults: Faults { restart: 1, ..none() },
            rules: Rules { restart_waits: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 17, new: an old grant is not doubted",
            finds: &[STUCK],
            commands: vec![add(0)],
            faults: Faults { late: 1, ..none() },
            rules: Rules { larger_is_doubted: false, ..rules() },
            ..protocol("")
        },
    ]
}

fn handovers() -> Vec<Scenario> {
    let answered = Rules { handover: Handover::Answer, payload_of_grant: false, ..rules() };
    vec![
        Scenario {
            name: "rules 16, 17: any asker, any holding",
            finds: &[MOVES],
            rules: Rules { names_the_holding: false, own_view_agrees: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 17: the holder obeys against its own view",
            finds: &[MOVES],
            commands: vec![add(0)],
            rules: Rules { own_view_agrees: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 18: handed over before the save",
            finds: &[SOFT],
            rules: Rules { save_first: false, ..rules() },
            ..carried()
        },
        Scenario {
            name: "rule 18: calls have no end",
            finds: &[STUCK],
            slots: 2,
            keys: 2,
            views: vec![[0, 1], [1, 0]],
            commands: vec![calls(0, 0, 2), calls(1, 1, 3), nested(1), nested(0)],
            outstanding: 2,
            rules: Rules { calls_end: false, ..rules() },
            ..protocol("")
        },
        Scenario {
            name: "rule 19: the answer with the payload is lost",
            finds: &[SOFT],
            faults: Faults { loss: 1, ..none() },
            rules: answered,
            ..carried()
        },
        Scenario {
            name: "rule 19: the payload comes after the lease",
            finds: &[SOFT],
            rules: answered,
            ..carried()
        },
        Scenario {
            name: "rule 19: a third app takes the free lease",
            finds: &[SOFT],
            rules: answered,
            ..three()
        },
        Scenario {
            name: "rule 19: an older offer replaces the newer",
            finds: &[SOFT],
            faults: Faults { abort: 1, duplicate: 1, ..none() },
            rules: Rules { offers_in_order: false, ..rules() },
            ..carried()
        },
    ]
}

fn payloads() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "rule 21: a payload of another grant",
            finds: &[STALE],
            faults: Faults { abort: 1, lapse: 1, ..none() },
            rules: Rules { payload_of_grant: false, ..rules() },
            ..carried()
        },
        Scenario {
            name: "rules 19, 21: a payload of long ago",
            finds: &[STALE],
            views: vec![[0, 0], [1, 1], [2, 2], [1, 1]],
            rules: Rules {
                handover: Handover::Answer,
                payload_of_grant: false,
                offer_is_newer: false,
                ..rules()
            },
            ..three()
        },
        Scenario {
            name: "rules 19, 21: a payload twice",
            finds: &[ONCE],
            faults: Faults { duplicate: 1, panic: 1, lapse: 1, ..none() },
            rules: Rules { payload_of_grant: false, offer_is_newer: false, ..rules() },
            ..carried()
        },
        Scenario {
            name: "rule 21: the heir lets go before it used the payload",
            finds: &[SOFT],
            rules: Rules { unused_is_offered: false, ..rules() },
            ..three()
        },
    ]
}

fn suspensions_and_transfers() -> Vec<Scenario> {
    let suspends = Scenario { suspends: true, faults: lapse(), ..protocol("") };
    let between = Scenario { views: vec![[0, 0], [1, 1], [0, 0]], ..suspends.clone() };
    let late = Scenario {
        transfers_travel: true,
        faults: Faults { abort: 1, loss: 1, ..none() },
        ..carried()
    };
    vec![
        Scenario {
            name: "rule 6, new: goes on without a look at the row",
            finds: &[LOST],
            rules: Rules { resume: Resume::Always, ..rules() },
            ..between.clone()
        },
        Scenario {
            name: "rule 6, new: takes another's claim for its own write",
            finds: &[LOST],
            rules: Rules { resume: Resume::Guess, ..rules() },
            ..between
        },
        Scenario {
            name: "rule 20: resumes without asking",
            finds: &[READ],
            reads: true,
            soft: 0,
            rules: Rules { take_back: TakeBack::Blindly, ..rules() },
            ..late.clone()
        },
        Scenario {
            name: "rule 20, new: asks, and resumes under the same grant, payload",
            finds: &[STALE],
            soft: 2,
            rules: Rules { take_back: TakeBack::AfterLook, ..rules() },
            ..late.clone()
        },
        Scenario {
            name: "rule 20, new: asks, and resumes under the same grant, reads",
            finds: &[READ],
            reads: true,
            soft: 0,
            rules: Rules { take_back: TakeBack::AfterLook, ..rules() },
            ..late
        },
    ]
}

fn reads() -> Vec<Scenario> {
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

fn commands() -> Vec<Scenario> {
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

fn outbox() -> Vec<Scenario> {
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
fn removed_tombstones() -> Vec<Scenario> {
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
