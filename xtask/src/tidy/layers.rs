//! Layers within a crate: `mod` lines stand in the order of the layers, low to high, and an import leads to a lower one. Beside them
//! circles of files, the length of files, and files that no folder holds.
//!
//! A module and what is within it are one layer: they may use each other. Between two modules of one parent only the later one
//! may use the earlier one, and so may all that is within it. An import of a name that another module passes on counts as an
//! import of the file that defines the name.

mod tokens;
mod scope;
mod tree;
mod imports;
mod circles;
mod order;
mod findings;
mod allowed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use self::allowed::{Counts, KINDS, LIST};
use self::findings::Findings;

/// Prints a line per crate; what is wrong beyond the list is returned.
pub(super) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let all = findings(root, files)?;
    let allowed = allowed::read(root)?;
    let mut wrong = Vec::new();
    for (krate, findings) in &all {
        println!("{}", findings.summary(krate));
        let allowed = allowed.get(krate).copied().unwrap_or_default();
        wrong.extend(beyond(krate, findings, allowed));
    }
    let gone = allowed.keys().filter(|krate| !all.contains_key(*krate));
    wrong.extend(gone.map(|krate| format!("{LIST}: there is no crate {krate}")));
    Ok(wrong)
}

/// Lowers the list to what there is.
pub(super) fn fix(root: &Path, files: &[PathBuf]) -> Result<()> {
    let present = findings(root, files)?;
    let present: BTreeMap<String, Counts> =
        present.into_iter().map(|(krate, findings)| (krate, findings.counts())).collect();
    allowed::write(root, &allowed::lowered(&allowed::read(root)?, &present))
}

/// Prints all that is wrong in crates whose folder contains `name`, whatever the list allows.
pub(super) fn show(root: &Path, files: &[PathBuf], name: &str) -> Result<()> {
    for (krate, findings) in findings(root, files)?.iter().filter(|(krate, _)| krate.contains(name))
    {
        (0..KINDS.len()).flat_map(|kind| findings.lines(kind)).for_each(|line| println!("{line}"));
        findings.orders.iter().for_each(|line| println!("{line}"));
        println!("{}", findings.summary(krate));
    }
    Ok(())
}

fn findings(root: &Path, files: &[PathBuf]) -> Result<BTreeMap<String, Findings>> {
    let manifests = files.iter().filter(|file| file.ends_with("Cargo.toml"));
    let folders = manifests.filter_map(|file| file.parent()).filter(|folder| {
        ["src/lib.rs", "src/main.rs"].iter().any(|first| root.join(folder).join(first).exists())
    });
    let krates = folders.map(|folder| folder.to_string_lossy().into_owned());
    krates.map(|krate| Ok((krate.clone(), Findings::of(root, &krate, files)?))).collect()
}

/// What a crate has that the list does not allow, or allows no more.
fn beyond(krate: &str, findings: &Findings, allowed: Counts) -> Vec<String> {
    let mut wrong = Vec::new();
    for (kind, (have, allowed)) in findings.counts().into_iter().zip(allowed).enumerate() {
        let name = KINDS[kind];
        if have > allowed {
            wrong.extend_from_slice(findings.lines(kind));
            wrong.push(format!("{krate}: {have} {name}; {LIST} allows {allowed}"));
        } else if have < allowed {
            let mend = "lower it with `cargo xtask tidy --fix`";
            wrong.push(format!("{krate}: {have} {name}, {LIST} still allows {allowed}; {mend}"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests;
