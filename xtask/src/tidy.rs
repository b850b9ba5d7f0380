//! `tidy`: the rules that are not code decay, so a program checks them.

mod config_page;
mod layers;
mod map;
mod pages;
mod promises;
mod readers_path;
mod reasons;
mod source;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Checks everything and reports all that is wrong; with `fix` the pages are brought up to date first.
pub(crate) fn run(root: &Path, fix: bool) -> Result<()> {
    let files = tracked(root)?;
    if fix {
        config_page::fix(root, &files)?;
        pages::fix(root, &files)?;
        map::fix(root, &files)?;
        layers::fix(root, &files)?;
    }
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
        let text = std::fs::read_to_string(root.join(file))?;
        wrong.extend(source::check(&file.to_string_lossy(), &text));
    }
    wrong.extend(promises::check(root, &files)?);
    wrong.extend(config_page::check(root, &files)?);
    wrong.extend(reasons::check(root)?);
    wrong.extend(pages::check(root, &files)?);
    wrong.extend(map::check(root, &files)?);
    wrong.extend(readers_path::check(root)?);
    wrong.extend(layers::check(root, &files)?);
    for line in &wrong {
        eprintln!("{line}");
    }
    match wrong.len() {
        0 => Ok(()),
        n => bail!("tidy found {n} thing(s) to mend"),
    }
}

/// Prints what crates have of upward imports, circles and long files, whatever is allowed for now.
pub(crate) fn layers(root: &Path, name: &str) -> Result<()> {
    layers::show(root, &tracked(root)?, name)
}

/// The files that git knows or would add.
fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root).output().context("run git")?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(PathBuf::from).filter(|file| root.join(file).exists()).collect())
}
