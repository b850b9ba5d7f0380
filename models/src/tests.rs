//! The scenarios and the mutations as tests, by what they are about. The long ones are ignored: `cargo xtask test --slow` runs them.

use crate::clock::CLOCKS;
use crate::rules::Rules;
use crate::scenario::Scenario;
use crate::search::{Checked, REACHED};
use crate::{mutations, scenarios, search, session};

const THREADS: usize = 2;

fn run<M: Checked>(scenarios: Vec<M>, name: fn(&M) -> &str) {
    assert!(!scenarios.is_empty(), "there are no such scenarios");
    for scenario in scenarios {
        let found = search::run(&scenario, THREADS);
        let wrong = found.surprises(&scenario);
        assert!(wrong.is_empty(), "{}: {wrong:?}; {:#?}", name(&scenario), found.traces);
    }
}

/// Of the scenarios about this those that are quick, or the others.
fn hold(about: &str, quick: bool) {
    let all = scenarios::all().into_iter();
    run(all.filter(|s| s.name.starts_with(about) && s.quick == quick).collect(), |s| s.name);
}

/// The mutations of these rules.
fn find(rules: &[&str]) {
    let all = mutations::all().into_iter();
    let of = |name: &str| rules.iter().any(|rule| name.starts_with(rule));
    run(all.filter(|s| of(s.name)).collect(), |s| s.name);
}

#[test]
fn each_row_has_one_effective_writer() {
    hold("takeover", true);
    hold("row", true);
    find(&["rule 7:", "rule 8:", "rules 8, 9:", "rule 9:", "rule 10:", "rule 13:", "rule 14:"]);
}

#[test]
fn a_claim_that_arrives_twice_counts_once() {
    find(&["rule 8, new:"]);
}

#[test]
fn epochs_and_holders_are_what_they_must_be() {
    find(&["rule 1:", "rule 2:", "rules 3, 8:", "rule 4:", "rule 12:", "rule 28:"]);
}

#[test]
fn a_grant_that_its_holder_does_not_know_of_is_found_out() {
    find(&["rule 22, new:"]);
}

#[test]
fn a_restarted_lease_service_grants_nothing_that_was_promised() {
    hold("takeover: the lease service forgets its holders", true);
    find(&["rule 33:"]);
}

#[test]
fn a_slot_whose_holder_has_not_heard_of_its_grant_moves() {
    hold("move: a grant that its holder has not heard of", true);
    find(&["rule 17, new:"]);
}

#[test]
fn a_planned_move_loses_nothing() {
    hold("move", true);
    find(&["rules 16, 17:", "rule 17:", "rule 18: handed", "rule 19:"]);
}

#[test]
fn a_payload_arrives_once_or_not_at_all() {
    find(&["rule 21:", "rules 19, 21:"]);
}

#[test]
fn calls_between_slots_that_change_places_complete() {
    hold("crossing", true);
    find(&["rule 18: calls"]);
}

#[test]
fn a_suspended_owner_goes_on_only_if_nobody_was_there() {
    hold("suspension", true);
    find(&["rule 6, new:"]);
}

#[test]
fn a_late_transfer_does_not_move_what_is_served_again() {
    hold("transfer", true);
    find(&["rule 20"]);
}

#[test]
fn a_read_shows_what_was_seen_before() {
    hold("read", true);
    find(&["rule 24:", "rule 25:"]);
}

#[test]
fn a_deadline_runs_from_the_sending_and_has_a_margin() {
    for clock in CLOCKS {
        assert_eq!(clock.check().1, clock.holds, "{}", clock.name);
    }
}

#[test]
fn no_acknowledged_command_is_lost_or_runs_twice() {
    hold("command", true);
    find(&["rule 29", "rule 30:", "rule 31:"]);
}

#[test]
fn a_message_of_the_outbox_arrives_once() {
    find(&["rule 27:"]);
}

#[test]
fn a_removed_tombstone_leaves_a_floor() {
    hold("row: deleted and removed", true);
    find(&["rule 32:", "rule 32, new:"]);
}

#[test]
fn a_session_outlives_its_connections_its_gates_and_its_owners() {
    run(session::scenarios(), |s| s.name);
}

#[test]
fn each_rule_of_sessions_is_needed() {
    run(session::mutations(), |s| s.name);
}

#[test]
fn each_mutation_is_in_a_test() {
    let here = include_str!("tests.rs");
    let tested: Vec<&str> = here.split("find(&[").skip(1).collect();
    let tested: Vec<&str> = tested
        .iter()
        .filter_map(|rest| rest.split("])").next())
        .flat_map(|s| s.split('"'))
        .collect();
    for mutation in mutations::all() {
        let about =
            tested.iter().any(|part| part.starts_with("rule") && mutation.name.starts_with(part));
        assert!(about, "no test of {}", mutation.name);
    }
}

/// With all rules in force the scenarios of the mutations have nothing to find: what they find is the rule's.
#[test]
#[ignore = "takes a minute or more: cargo xtask test --slow"]
fn what_a_mutation_finds_is_not_there_with_its_rule() {
    // No rule is off in this one: its clocks are.
    let all =
        mutations::all().into_iter().filter(|s| s.name != "rule 25: clocks beyond their bound");
    for scenario in all {
        let whole = Scenario { finds: &[], live: false, rules: Rules::default(), ..scenario };
        let found = search::run(&whole, THREADS);
        let broken: Vec<_> =
            found.traces.iter().filter(|(name, _)| !name.starts_with(REACHED)).collect();
        assert!(found.complete && broken.is_empty(), "{}: {broken:#?}", whole.name);
    }
}

#[test]
#[ignore = "takes a minute or more: cargo xtask test --slow"]
fn takeovers_hold_under_all_faults() {
    hold("takeover", false);
    hold("row", false);
}

#[test]
#[ignore = "takes a minute or more: cargo xtask test --slow"]
fn moves_hold_under_all_faults() {
    hold("move", false);
    hold("crossing", false);
    hold("transfer", false);
}

#[test]
#[ignore = "takes a minute or more: cargo xtask test --slow"]
fn suspensions_hold_under_all_faults() {
    hold("suspension", false);
}

#[test]
#[ignore = "takes a minute or more: cargo xtask test --slow"]
fn reads_and_commands_hold_under_all_faults() {
    hold("read", false);
    hold("command", false);
}
