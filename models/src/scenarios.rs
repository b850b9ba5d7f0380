//! The protocol under faults: all properties hold, and the good end stays in reach.

mod owners;
mod moves;
mod rows;

use crate::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    let mut all = owners::takeovers();
    all.extend(moves::moves());
    all.extend(moves::crossings());
    all.extend(owners::suspensions());
    all.extend(moves::transfers());
    all.extend(rows::reads());
    all.extend(rows::rows());
    all.extend(rows::commands());
    all
}
