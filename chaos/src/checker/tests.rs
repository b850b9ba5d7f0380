//! Histories made by hand, good and bad.

use super::*;

/// A player whose things take 10 ms each, one after the other.
#[derive(Default)]
struct Story {
    history: History,
    now: u64,
}

impl Story {
    fn add(&mut self, asked: Asked, outcome: Outcome) -> &mut Self {
        let (begun, ended) =
            (Duration::from_millis(self.now), Duration::from_millis(self.now + 10));
        self.now += 20;
        self.history.records.push(Record { asked, begun, ended, outcome, by: None });
        self
    }

    fn appended(&mut self, op: u64, place: u64) -> &mut Self {
        self.add(Asked::Append(op), Outcome::Appended(place))
    }

    fn unknown(&mut self, op: u64) -> &mut Self {
        self.add(Asked::Append(op), Outcome::Unknown("the connection is lost".into()))
    }

    fn not_run(&mut self, op: u64) -> &mut Self {
        self.add(Asked::Append(op), Outcome::NotRun)
    }

    fn read(&mut self, list: &[u64]) -> &mut Self {
        let listed = self.history.listed(list.to_vec());
        self.add(Asked::Read, listed)
    }

    fn paid(&mut self, number: u64) -> &mut Self {
        self.add(Asked::Transfer, Outcome::Paid(number))
    }

    fn judged(&self, ledger: &[u64], number: u64) -> Verdict {
        let is_final = Final { ledger: ledger.to_vec(), number };
        let finals = BTreeMap::from([(String::new(), is_final)]);
        check(std::slice::from_ref(&self.history), &finals, Duration::from_millis(self.now))
    }

    /// Lost, duplicated, stale writes, stale reads.
    #[track_caller]
    fn found(&self, ledger: &[u64], number: u64, expected: [u64; 4]) {
        let it = self.judged(ledger, number);
        let found = [it.lost, it.duplicated, it.stale_writes, it.stale_reads];
        assert_eq!(found, expected, "{:#?}", it.explained);
        assert_eq!(it.is_broken(), expected != [0; 4]);
        assert_eq!(it.explained.is_empty(), expected == [0; 4]);
    }
}

fn story() -> Story {
    Story::default()
}

#[test]
fn a_history_that_fits_the_store_is_clean() {
    let mut it = story();
    it.appended(1, 1).read(&[1]).unknown(2).appended(3, 3).not_run(4).read(&[1, 2, 3]).paid(1);
    it.found(&[1, 2, 3], 1, [0; 4]);
    assert_eq!(it.judged(&[1, 2, 3], 1).acked, 5);
}

#[test]
fn what_nobody_knows_may_be_there_or_not() {
    let mut it = story();
    it.appended(1, 1).unknown(2);
    it.found(&[1], 0, [0; 4]);
    it.found(&[1, 2], 0, [0; 4]);
}

#[test]
fn an_acked_append_that_is_not_in_the_store_is_lost() {
    story().appended(1, 1).appended(2, 2).found(&[1], 0, [1, 0, 0, 0]);
}

#[test]
fn a_player_without_a_row_has_lost_everything() {
    let mut it = story();
    it.appended(1, 1).appended(2, 2);
    let verdict = check(std::slice::from_ref(&it.history), &BTreeMap::new(), Duration::ZERO);
    assert_eq!(verdict.lost, 2);
}

#[test]
fn an_operation_that_is_there_twice_is_duplicated() {
    story().appended(1, 1).appended(2, 2).found(&[1, 2, 2], 0, [0, 1, 0, 0]);
    story().appended(1, 1).unknown(2).found(&[1, 2, 2], 0, [0, 1, 0, 0]);
}

#[test]
fn an_operation_that_did_not_run_and_is_there_is_duplicated() {
    story().appended(1, 1).not_run(2).found(&[1, 2], 0, [0, 1, 0, 0]);
}

#[test]
fn an_operation_that_nobody_asked_for_is_duplicated() {
    story().appended(1, 1).found(&[1, 7], 0, [0, 1, 0, 0]);
}

#[test]
fn two_operations_at_one_place_are_a_stale_write() {
    // The old owner's write was accepted after the new owner's.
    story().appended(1, 1).appended(2, 2).appended(3, 2).found(&[1, 3], 0, [1, 0, 1, 0]);
}

#[test]
fn an_operation_that_has_changed_its_place_is_a_stale_write() {
    story().appended(1, 1).unknown(2).appended(3, 2).found(&[1, 2, 3], 0, [0, 0, 1, 0]);
}

#[test]
fn what_was_shown_and_is_gone_is_a_stale_write() {
    // It was never acked, so it is not lost; but it was committed, or should not have been shown.
    story().appended(1, 1).unknown(2).read(&[1, 2]).found(&[1], 0, [0, 0, 1, 0]);
}

#[test]
fn a_ledger_that_is_another_one_is_a_stale_write() {
    let mut it = story();
    it.appended(1, 1).unknown(2).unknown(3).read(&[1, 2]).read(&[1, 3]);
    it.found(&[1, 3], 0, [0, 0, 2, 0]);
}

#[test]
fn an_answer_without_what_was_acked_before_is_a_stale_read() {
    story().appended(1, 1).appended(2, 2).read(&[1]).found(&[1, 2], 0, [0, 0, 0, 1]);
}

#[test]
fn an_answer_without_what_was_shown_before_is_a_stale_read() {
    story().appended(1, 1).unknown(2).read(&[1, 2]).read(&[1]).found(&[1, 2], 0, [0, 0, 0, 1]);
}

#[test]
fn an_answer_may_miss_what_was_acked_after_it_was_asked_for() {
    let mut it = story();
    it.appended(1, 1).appended(2, 2).read(&[1]);
    it.history.records[2].begun = it.history.records[1].ended;
    it.found(&[1, 2], 0, [0; 4]);
}

#[test]
fn an_acked_transfer_that_the_store_does_not_count_is_lost() {
    story().paid(1).paid(2).found(&[], 1, [1, 0, 0, 0]);
}

#[test]
fn transfers_that_nobody_made_are_duplicated() {
    let mut it = story();
    it.paid(1).add(Asked::Transfer, Outcome::Unknown(String::new()));
    it.found(&[], 2, [0; 4]);
    it.found(&[], 4, [0, 2, 0, 0]);
}

#[test]
fn two_transfers_with_one_number_are_a_stale_write() {
    story().paid(1).paid(1).found(&[], 1, [0, 0, 1, 0]);
}

#[test]
fn a_player_who_was_never_answered_is_named() {
    let mut it = story();
    it.not_run(1).unknown(2).history.player = "p1".into();
    assert_eq!(it.judged(&[], 0).silent, ["p1"]);
}

#[test]
fn unavailability_lasts_from_the_first_failure_to_the_next_answer() {
    let mut it = story();
    it.appended(1, 1).unknown(2).not_run(3);
    it.now += 100;
    it.appended(4, 2);
    assert_eq!(it.judged(&[1, 4], 0).unavailable, Duration::from_millis(150));
    it.unknown(5);
    it.now += 1000;
    assert_eq!(it.judged(&[1, 4], 0).unavailable, Duration::from_millis(1020));
}

#[test]
fn a_refusal_is_an_answer_and_is_not_counted_as_acked() {
    let mut it = story();
    it.add(Asked::Transfer, Outcome::Refused);
    let verdict = it.judged(&[], 0);
    assert_eq!((verdict.acked, verdict.refused), (0, 1));
    assert_eq!(verdict.unavailable, Duration::from_millis(10));
}
