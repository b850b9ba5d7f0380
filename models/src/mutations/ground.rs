//! What most mutations begin with.

use crate::rules::Rules;
use crate::scenario::{Faults, Scenario, add, protocol};
use crate::script::none;

/// One app that keeps its slot.
pub(super) fn alone() -> Scenario {
    Scenario { apps: 1, views: vec![[0, 0]], ..protocol("") }
}

/// One non-durable change that a move must carry.
pub(super) fn carried() -> Scenario {
    Scenario { soft: 1, commands: vec![add(0)], ..protocol("") }
}

/// A slot that goes over three apps.
pub(super) fn three() -> Scenario {
    Scenario { apps: 3, views: vec![[0, 0], [1, 1], [2, 2]], last_epoch: 9, ..carried() }
}

pub(super) fn lapse() -> Faults {
    Faults { lapse: 1, ..none() }
}

pub(super) fn rules() -> Rules {
    Rules::default()
}
