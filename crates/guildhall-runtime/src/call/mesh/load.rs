//! LEAST_LOAD: of two instances, drawn by weight, the one that has less to do.

use guildhall_core::discovery::NodeRecord;
use guildhall_core::{AppId, Env};

use super::Mesh;
use super::instances::Instances;
use super::links::Links;

impl Mesh {
    /// An app has told its load.
    pub(crate) fn load(&self, id: &AppId, load: u32) {
        self.nodes.lock().set_load(id, load);
    }

    /// The best of all would be that of all callers, until its next word. Of two it is not.
    pub(super) fn least_loaded(&self, instances: &Instances) -> usize {
        let links = &instances.links;
        let draw = |without: Option<usize>| {
            let weight = |(at, (weight, _)): (usize, &(u32, Links))| {
                if Some(at) == without { 0 } else { *weight }
            };
            let all = instances.weight - without.map_or(0, |at| u64::from(links[at].0));
            if all == 0 {
                return None;
            }
            pick(&self.env, all, links.iter().enumerate().map(weight))
        };
        let one = draw(None).unwrap_or_default();
        let Some(other) = draw(Some(one)) else { return one };
        // What has waited here since its last word counts in any case, and is all there is where discovery is a list.
        let load = |at: usize| {
            let (weight, links) = &links[at];
            u64::from(links.load()) + load_of(links.waiting(), *weight)
        };
        if load(other) < load(one) { other } else { one }
    }
}

/// Calls for each 100 of weight: what apps tell as their load.
pub(crate) fn load_of(calls: usize, weight: u32) -> u64 {
    (calls as u64).saturating_mul(100) / u64::from(weight.max(1))
}

/// Which of these weights, whose sum is `all`, a random number falls to; `None` when there is no weight.
pub(crate) fn pick(env: &Env, all: u64, weights: impl Iterator<Item = u32>) -> Option<usize> {
    let mut left = env.random_below(all);
    for (at, weight) in weights.enumerate() {
        match left.checked_sub(u64::from(weight)) {
            Some(rest) => left = rest,
            None => return Some(at),
        }
    }
    None
}

/// Whether two records say the same, apart from the load, which is published by itself.
pub(super) fn is_same(one: &NodeRecord, other: &NodeRecord) -> bool {
    one.load == other.load && one == other || NodeRecord { load: one.load, ..other.clone() } == *one
}
