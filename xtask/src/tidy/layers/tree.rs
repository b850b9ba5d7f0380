//! The modules of a crate, and to which file a path leads.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::scope::{Child, Scope, read};
use super::tokens::tokens;

/// All modules of a program or library; the first is its root.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
}

#[derive(Debug)]
pub(super) struct Module {
    pub(super) parent: Option<usize>,
    /// The modules within it, in the order of their declarations.
    pub(super) children: Vec<(String, usize)>,
    pub(super) scope: Scope,
    /// The module whose file this is in: itself, unless it stands in braces.
    pub(super) file: usize,
    /// From the project's folder.
    pub(super) path: PathBuf,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Module(usize),
    /// Something that this module defines.
    Item(usize),
}

impl Tree {
    /// Reads a crate from its first file.
    pub(super) fn read(root: &Path, first: &Path) -> Result<Self> {
        let mut tree = Self { modules: Vec::new() };
        let folder = first.parent().unwrap_or(Path::new("")).to_owned();
        tree.file(root, first, &folder, None)?;
        Ok(tree)
    }

    fn file(
        &mut self,
        root: &Path,
        path: &Path,
        folder: &Path,
        parent: Option<usize>,
    ) -> Result<usize> {
        let shown = path.display();
        let text = std::fs::read_to_string(root.join(path)).with_context(|| shown.to_string())?;
        let at = self.modules.len();
        self.add(root, read(&tokens(&text)), (path, folder), parent, at)?;
        Ok(at)
    }

    fn add(
        &mut self,
        root: &Path,
        mut scope: Scope,
        (path, folder): (&Path, &Path),
        parent: Option<usize>,
        file: usize,
    ) -> Result<usize> {
        let at = self.modules.len();
        let declared = std::mem::take(&mut scope.children);
        let children = Vec::new();
        self.modules.push(Module { parent, children, scope, file, path: path.to_owned() });
        for Child { name, path: own, inline } in declared {
            let inside = folder.join(&name);
            let next = path.parent().unwrap_or(folder);
            let child = match (inline, own) {
                (Some(scope), _) => self.add(root, scope, (path, &inside), Some(at), file)?,
                (None, Some(own)) => self.file(root, &next.join(own), next, Some(at))?,
                (None, None) => {
                    let ways = [inside.with_extension("rs"), inside.join("mod.rs")];
                    // What a build script makes is not there.
                    let Some(found) = ways.iter().find(|way| root.join(way).exists()) else {
                        continue;
                    };
                    self.file(root, found, &inside, Some(at))?
                }
            };
            self.modules[at].children.push((name, child));
        }
        Ok(at)
    }

    /// Where a path leads that stands in `from`; `None` if it leaves the crate.
    pub(super) fn resolve(&self, from: usize, path: &[String]) -> Option<Place> {
        self.follow(from, path, 0)
    }

    fn follow(&self, from: usize, path: &[String], depth: usize) -> Option<Place> {
        // Imports can name each other in a circle.
        if depth > 16 {
            return None;
        }
        let mut at = from;
        for (step, name) in path.iter().enumerate() {
            at = match name.as_str() {
                "crate" => 0,
                "self" => at,
                "super" => self.modules[at].parent?,
                name => match self.named(at, name, depth) {
                    Some(Some(Place::Module(module))) => module,
                    Some(leads) => return leads,
                    // A name that a macro has made, or another crate's.
                    None if step > 0 => return Some(Place::Item(at)),
                    None => return None,
                },
            };
        }
        Some(Place::Module(at))
    }

    /// What a name means within a module, if it is known there; `Some(None)` if it is from another crate.
    fn named(&self, at: usize, name: &str, depth: usize) -> Option<Option<Place>> {
        let module = &self.modules[at];
        if let Some((_, child)) = module.children.iter().find(|(child, _)| child == name) {
            return Some(Some(Place::Module(*child)));
        }
        if module.scope.items.contains(name) {
            return Some(Some(Place::Item(at)));
        }
        let imports = || module.scope.imports.iter().filter(|import| import.of_module);
        if let Some(import) = imports().find(|import| import.name == name) {
            return Some(self.follow(at, &import.path, depth + 1));
        }
        imports().filter(|import| import.name == "*").find_map(|import| {
            match self.follow(at, &import.path, depth + 1)? {
                Place::Module(all) if all != at && depth < 16 => self.named(all, name, depth + 1),
                _ => None,
            }
        })
    }

    /// Whether `inner` is `outer` or within it.
    pub(super) fn is_within(&self, inner: usize, outer: usize) -> bool {
        self.line_of(inner).contains(&outer)
    }

    /// A module, the one it is in, and so on to the root.
    fn line_of(&self, module: usize) -> Vec<usize> {
        std::iter::successors(Some(module), |at| self.modules[*at].parent).collect()
    }

    /// Whether `to` is declared later than `from`, and so lies in a higher layer.
    pub(super) fn is_upward(&self, from: usize, to: usize) -> bool {
        // A module and what is within it are one layer.
        self.fork(from, to).is_some_and(|(parent, from, to)| {
            let children = &self.modules[parent].children;
            let place = |of: usize| children.iter().position(|(_, child)| *child == of);
            place(to) > place(from)
        })
    }

    /// The module that two have in common, and which of its children each is in; `None` if one is within the other.
    pub(super) fn fork(&self, from: usize, to: usize) -> Option<(usize, usize, usize)> {
        let (from, to) = (self.line_of(from), self.line_of(to));
        let mut pairs = from.iter().rev().zip(to.iter().rev());
        let mut shared = 0;
        pairs.find_map(|(from, to)| {
            if from != to {
                return Some((shared, *from, *to));
            }
            shared = *from;
            None
        })
    }
}
