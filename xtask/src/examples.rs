//! Runs each example of the facade and compares what it prints with the `Output:` block of its header.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{Program, cargo, run as run_command};

const FOLDER: &str = "crates/guildhall/examples";
const PACKAGE: &str = "guildhall";

/// An example runs both of its ends in memory; longer means that it hangs.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Builds all examples, then runs one after the other.
pub(crate) fn run(root: &Path) -> Result<()> {
    let files = sources(&root.join(FOLDER))?;
    ensure!(!files.is_empty(), "{FOLDER} has no examples");
    run_command(&mut cargo(root, ["build", "--quiet", "-p", PACKAGE, "--examples"]))?;
    for file in files {
        let name = file.file_stem().and_then(|stem| stem.to_str()).context("name of an example")?;
        let expected = expected_output(&fs::read_to_string(&file)?).with_context(|| {
            format!("{FOLDER}/{name}.rs:1: its `//!` header needs a block `//! Output:`")
        })?;
        let args = ["run", "--quiet", "-p", PACKAGE, "--example", name];
        let (status, printed) = Program::start(&mut cargo(root, args))?.finish(TIME_MAX)?;
        ensure!(status.success(), "example {name} failed: {status}; it printed:\n{printed}");
        if printed != expected {
            bail!("example {name} printed\n{printed}and its header says\n{expected}");
        }
        println!("example {name}: prints what its header says");
    }
    Ok(())
}

/// The examples of one file each.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "rs") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The indented lines behind `//! Output:`, each with its end of line.
pub(crate) fn expected_output(source: &str) -> Option<String> {
    let header = source.lines().map_while(|line| line.strip_prefix("//!"));
    let block = header.skip_while(|line| line.trim() != "Output:").skip(1);
    let lines: Vec<&str> = block
        .map_while(|line| match line.strip_prefix("     ") {
            None if line.trim().is_empty() => Some(""),
            text => text,
        })
        .collect();
    let begin = lines.iter().position(|line| !line.is_empty())?;
    let end = lines.iter().rposition(|line| !line.is_empty())?;
    Some(lines[begin..=end].iter().map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests;
