//! Files that need each other in a circle: none can be read, or changed, without the others.

use std::collections::{BTreeMap, BTreeSet};

/// The circles of a graph: groups in which each leads to each, of two at least; the largest first.
pub(super) fn circles(edges: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(*from).or_default().push(*to);
    }
    let reach: BTreeMap<usize, BTreeSet<usize>> =
        next.keys().map(|from| (*from, reached(&next, *from))).collect();
    let leads = |from: usize, to: usize| reach.get(&from).is_some_and(|all| all.contains(&to));
    let mut left: BTreeSet<usize> = next.keys().copied().collect();
    let mut circles = Vec::new();
    while let Some(first) = left.pop_first() {
        let others = left.iter().copied().filter(|at| leads(first, *at) && leads(*at, first));
        let circle: Vec<usize> = std::iter::once(first).chain(others).collect();
        left.retain(|at| !circle.contains(at));
        if circle.len() > 1 {
            circles.push(circle);
        }
    }
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles
}

fn reached(next: &BTreeMap<usize, Vec<usize>>, from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        let unseen = next.get(&at).into_iter().flatten().filter(|to| !reached.contains(*to));
        let unseen: Vec<usize> = unseen.copied().collect();
        reached.extend(&unseen);
        open.extend(unseen);
    }
    reached
}
