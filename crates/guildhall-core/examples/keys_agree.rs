//! Compares the three that read the key of a call, over random and mutated bodies: `-- BODIES [SEED]`, ten million by default.
//!
//! ```text
//! cargo run --release -p guildhall-core --example keys_agree
//! ```
//!
//! It stops with a panic at the first body for which they differ.
#![allow(clippy::print_stdout, reason = "what it is for")]

#[path = "../../../fuzz/agreement/keys.rs"]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_lossless,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    reason = "made for bits, and shared with programs that have other lints"
)]
mod agreement;
#[path = "../../../fuzz/agreement/bodies.rs"]
#[allow(clippy::cast_possible_truncation, reason = "made for bits")]
mod bodies;

use agreement::{FIELDS, Outcome, compare};
use bodies::Bodies;

fn main() {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let mut number = |default| numbers.next().map_or(default, |n| n.expect("a number"));
    let (count, seed) = (number(10_000_000), number(1));
    let mut bodies = Bodies::new(seed, FIELDS);
    let mut all = Outcome::default();
    for _ in 0..count {
        let Outcome { agreed, refused } = compare(&bodies.next());
        all.agreed += agreed;
        all.refused += refused;
    }
    let Outcome { agreed, refused } = all;
    println!("bodies={count} seed={seed} calls_agreed={agreed} calls_refused={refused} differ=0");
}
