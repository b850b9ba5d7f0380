//! One rule less: each finds what the rule is for. The rows of section (b) of the protocol's page, and those that are new here.

mod ground;
mod ownership;
mod rows;

use crate::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    let mut all = rows::rows();
    all.extend(rows::tombstones_and_batches());
    all.extend(ownership::leases());
    all.extend(ownership::lost_epochs());
    all.extend(ownership::lost_holders());
    all.extend(ownership::handovers());
    all.extend(ownership::payloads());
    all.extend(ownership::suspensions_and_transfers());
    all.extend(rows::reads());
    all.extend(rows::commands());
    all.extend(rows::outbox());
    all.extend(rows::removed_tombstones());
    all
}
