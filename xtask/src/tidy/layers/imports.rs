//! Which file of a crate imports from which.

use std::collections::BTreeSet;

use super::tree::{Place, Tree};

/// The file of `from` uses, in this line, what the file of `to` defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) line: usize,
    pub(super) to: usize,
}

/// All imports between files, by file and line.
pub(super) fn edges(tree: &Tree) -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    for (at, module) in tree.modules.iter().enumerate() {
        let mut add = |line: usize, to: usize| {
            let (from, to) = (module.file, tree.modules[to].file);
            if from != to {
                edges.insert(Edge { from, line, to });
            }
        };
        let scope = &module.scope;
        for import in &scope.imports {
            let to = match tree.resolve(at, &import.path) {
                Some(Place::Item(to)) => to,
                Some(Place::Module(to)) if import.name == "*" => to,
                // The paths that begin with the module's name count.
                _ => continue,
            };
            // A folder's file that passes on a name of the folder's does not use it.
            let passed_on = import.public && !scope.mentioned.contains(&import.name);
            if !(passed_on && tree.is_within(to, at)) {
                add(import.line, to);
            }
        }
        for written in &scope.paths {
            let first = tree.resolve(at, &written.path[..1]);
            let is_module = matches!(first, Some(Place::Module(_)));
            // Other first names were imported, and counted there.
            if let (true, Some(Place::Item(to))) = (is_module, tree.resolve(at, &written.path)) {
                add(written.line, to);
            }
        }
    }
    edges
}
