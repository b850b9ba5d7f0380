//! An order of `mod` lines in which fewer imports lead upward.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Edge;
use super::tree::Tree;

/// A line per module whose children could stand in a better order.
pub(super) fn suggestions(tree: &Tree, edges: &BTreeSet<Edge>) -> Vec<String> {
    let mut needs: BTreeMap<usize, BTreeSet<(usize, usize)>> = BTreeMap::new();
    for edge in edges {
        if let Some((parent, from, to)) = tree.fork(edge.from, edge.to) {
            needs.entry(parent).or_default().insert((from, to));
        }
    }
    let lines = needs.iter().filter_map(|(parent, needs)| {
        let present: Vec<usize> =
            tree.modules[*parent].children.iter().map(|(_, child)| *child).collect();
        let better = ordered(&present, needs);
        (upward(&better, needs) < upward(&present, needs)).then(|| {
            let name = |at: &usize| {
                let mut children = tree.modules[*parent].children.iter();
                children.find(|(_, child)| child == at).map_or("", |(name, _)| name)
            };
            let names: Vec<&str> = better.iter().map(name).collect();
            format!("order of {}: {}", tree.modules[*parent].path.display(), names.join(" "))
        })
    });
    lines.collect()
}

fn upward(order: &[usize], needs: &BTreeSet<(usize, usize)>) -> usize {
    let place = |of: usize| order.iter().position(|at| *at == of);
    needs.iter().filter(|(from, to)| place(*to) > place(*from)).count()
}

/// Takes what needs the fewest of those that are left; of equals the one that more of them need, and then the first.
fn ordered(present: &[usize], needs: &BTreeSet<(usize, usize)>) -> Vec<usize> {
    let mut left = present.to_vec();
    let mut order = Vec::new();
    while !left.is_empty() {
        let open = |at: usize| {
            needs.iter().filter(|(from, to)| *from == at && *to != at && left.contains(to)).count()
        };
        let needed =
            |at: usize| needs.iter().filter(|(from, to)| *to == at && left.contains(from)).count();
        let best =
            |at: &usize| (open(*at), if open(*at) == 0 { 0 } else { usize::MAX - needed(*at) });
        let Some(next) = left.iter().copied().min_by_key(best) else { break };
        left.retain(|at| *at != next);
        order.push(next);
    }
    order
}
