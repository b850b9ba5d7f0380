//! Rules of who owns a slot: leases, moves, and what an owner carries over.

use super::ground::{alone, carried, lapse, rules, three};
use crate::rules::{Claim, Handover, ReadCheck, Resume, Rules, TakeBack};
use crate::scenario::{Faults, Scenario, add, protocol};
use crate::script::{calls, nested, none};
use crate::search::STUCK;
use crate::world::{LOST, MOVES, ONCE, READ, SOFT, STALE};

pub(super) fn leases() -> Vec<Scenario> {
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

pub(super) fn lost_epochs() -> Vec<Scenario> {
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

pub(super) fn lost_holders() -> Vec<Scenario> {
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

pub(super) fn handovers() -> Vec<Scenario> {
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

pub(super) fn payloads() -> Vec<Scenario> {
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

pub(super) fn suspensions_and_transfers() -> Vec<Scenario> {
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
