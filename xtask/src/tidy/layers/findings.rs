//! The layer and size violations of one crate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::circles::circles;
use super::imports::{Edge, edges};
use super::order::suggestions;
use super::tree::Tree;

/// Longest file that is neither a test nor generated.
pub(super) const LINES_MAX: usize = 450;

/// The median length of a crate's files is below this.
pub(super) const MEDIAN_END: usize = 150;

/// Most files that may need each other in a circle.
pub(super) const CIRCLE_MAX: usize = 3;

/// Most files beside the folders of the largest crate.
pub(super) const LOOSE_MAX: usize = 12;

/// The crate that is so large that its files are to be in folders.
pub(super) const IN_FOLDERS: &str = "crates/guildhall-runtime";

/// What is wrong in a crate, each with its place, and the figures that are printed anyway.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) upward: Vec<String>,
    /// Files that are in circles of too many, and the circles themselves for whoever has to open them.
    pub(super) circled: usize,
    pub(super) circles: Vec<String>,
    pub(super) long: Vec<String>,
    pub(super) loose: Vec<String>,
    pub(super) median: Vec<String>,
    pub(super) small_circles: usize,
    /// Orders of `mod` lines that would be better.
    pub(super) orders: Vec<String>,
    pub(super) lengths: Vec<usize>,
}

impl Findings {
    /// Reads the crate in a folder.
    pub(super) fn of(root: &Path, krate: &str, files: &[PathBuf]) -> Result<Self> {
        let source = Path::new(krate).join("src");
        let mut found = Self::default();
        for first in ["lib.rs", "main.rs"].map(|name| source.join(name)) {
            if root.join(&first).exists() {
                found.tree(&Tree::read(root, &first)?);
            }
        }
        for file in files.iter().filter(|file| file.starts_with(&source)) {
            found.file(root, file)?;
        }
        if krate == IN_FOLDERS {
            let rust = files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs"));
            let loose: Vec<_> = rust.filter(|file| file.parent() == Some(&source)).collect();
            let beyond = loose.iter().skip(LOOSE_MAX);
            let line = |file: &&PathBuf| {
                let (file, have) = (file.display(), loose.len());
                format!("{file}:1: {have} files beside the folders, at most {LOOSE_MAX} may be")
            };
            found.loose = beyond.map(line).collect();
        }
        found.lengths.sort_unstable();
        let median = found.median_length();
        if median >= MEDIAN_END {
            let split = "split files with two ideas";
            found
                .median
                .push(format!("{krate}: the median of its files is {median} lines; {split}"));
        }
        Ok(found)
    }

    fn tree(&mut self, tree: &Tree) {
        let edges = edges(tree);
        self.orders.extend(suggestions(tree, &edges));
        let shown = |at: usize| tree.modules[at].path.display();
        // One line for each pair of files.
        let mut pairs = BTreeSet::new();
        let upward = edges.iter().filter(|edge| tree.is_upward(edge.from, edge.to));
        let upward = upward.filter(|edge| pairs.insert((edge.from, edge.to)));
        self.upward.extend(upward.map(|Edge { from, line, to }| {
            let (from, to) = (shown(*from), shown(*to));
            format!("{from}:{line}: imports {to}, which is declared later: a higher layer")
        }));
        for circle in circles(&edges.iter().map(|edge| (edge.from, edge.to)).collect()) {
            if circle.len() <= CIRCLE_MAX {
                self.small_circles += 1;
                continue;
            }
            self.circled += circle.len();
            let files: Vec<_> = circle.iter().map(|at| shown(*at).to_string()).collect();
            let count = files.len();
            let mut lines = format!("a circle of {count} files, at most {CIRCLE_MAX} may be one:");
            let within = |edge: &&Edge| circle.contains(&edge.from) && circle.contains(&edge.to);
            let pairs: BTreeSet<_> =
                edges.iter().filter(within).map(|edge| (edge.from, edge.to)).collect();
            for (from, to) in pairs {
                lines += &format!("\n  {} -> {}", shown(from), shown(to));
            }
            self.circles.push(lines);
        }
    }

    fn file(&mut self, root: &Path, file: &Path) -> Result<()> {
        let shown = file.to_string_lossy();
        let test = shown.contains("/tests/") || shown.ends_with("/tests.rs");
        let rust = file.extension().is_some_and(|e| e == "rs");
        if !rust || test || shown.contains("/generated/") {
            return Ok(());
        }
        let lines = std::fs::read_to_string(root.join(file))?.lines().count();
        if lines > LINES_MAX {
            self.long.push(format!("{shown}:{lines}: over {LINES_MAX} lines; find the seam"));
        }
        self.lengths.push(lines);
        Ok(())
    }

    fn median_length(&self) -> usize {
        self.lengths.get(self.lengths.len() / 2).copied().unwrap_or_default()
    }

    /// How many there are of each kind, in the order of the list's columns.
    pub(super) fn counts(&self) -> [usize; 5] {
        let median = (self.median_length() + 1).saturating_sub(MEDIAN_END);
        [self.upward.len(), self.circled, self.long.len(), self.loose.len(), median]
    }

    /// What is wrong of a kind.
    pub(super) fn lines(&self, kind: usize) -> &[String] {
        [&self.upward, &self.circles, &self.long, &self.loose, &self.median][kind]
    }

    /// One line with the figures of the crate.
    pub(super) fn summary(&self, krate: &str) -> String {
        let median = self.median_length();
        let [upward, circled, long, ..] = self.counts();
        let (large, small) = (self.circles.len(), self.small_circles);
        format!(
            "{krate}: layers: {upward} upward imports; circles: {large} of more than {CIRCLE_MAX} files \
             ({circled} files), {small} smaller; median {median} lines, {long} files over {LINES_MAX}"
        )
    }
}
