//! Runs each example of the facade and compares what it prints with the `Output:` block of its header.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Runs all examples.
pub(crate) fn run(root: &Path) -> Result<()> {
    let folder = root.join("crates/guildhall/examples");
    let Ok(entries) = fs::read_dir(&folder) else {
        return Ok(());
    };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
        let name = file.file_stem().and_then(|s| s.to_str()).context("an example's name")?;
        let expected = expected_output(&fs::read_to_string(file)?)
            .with_context(|| format!("{name}: no `//! Output:` block in its header"))?;
        let output = Command::new("cargo")
            .args(["run", "--quiet", "-p", "guildhall", "--example", name])
            .current_dir(root)
            .output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || printed.trim_end() != expected {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("example {name} printed\n{printed}\nand not\n{expected}\n{errors}");
        }
        println!("example {name}: as expected");
    }
    Ok(())
}

/// The indented lines behind `//! Output:`.
fn expected_output(source: &str) -> Option<String> {
    let mut lines = source.lines().skip_while(|line| line.trim_end() != "//! Output:").skip(1);
    let mut output = Vec::new();
    for line in lines.by_ref() {
        match line.strip_prefix("//!     ") {
            Some(text) => output.push(text.trim_end()),
            None if line.trim_end() == "//!" => {}
            None => break,
        }
    }
    (!output.is_empty()).then(|| output.join("\n"))
}
