//! One key per call: for those who route, dispatch and decode it.

#[path = "../../../../fuzz/agreement/keys.rs"]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_lossless,
    reason = "made for bits, and shared with programs that have other lints"
)]
mod agreement;
#[path = "../../../../fuzz/agreement/bodies.rs"]
#[allow(clippy::cast_possible_truncation, reason = "made for bits")]
mod bodies;

use agreement::{FIELDS, Outcome, compare};
use bodies::Bodies;

#[test]
fn a_gate_a_dispatcher_and_prost_find_one_key_or_the_call_is_refused() {
    let mut bodies = Bodies::new(0x6b65_7973, FIELDS);
    let mut all = Outcome::default();
    for _ in 0..100_000 {
        let body = bodies.next();
        let Outcome { agreed, refused } = compare(&body);
        all.agreed += agreed;
        all.refused += refused;
    }
    // Each way often enough that a difference would show.
    assert!(all.agreed > 100_000 && all.refused > 100_000, "{all:?}");
}

#[test]
fn a_body_that_swallowed_the_key_is_refused() {
    // The head of field 4, whose length is that of the key which is appended.
    let swallows = b"\x0a\x0212\x12\x0213\x18\x84\x07\x22\x04";
    let Outcome { agreed, refused } = compare(swallows);
    assert_eq!((agreed, refused), (0, 20));
}
