//! `fuzz`: the fuzz targets compile, and each takes what earlier runs have found worth keeping. No fuzzer is built.

use std::path::Path;

use anyhow::Result;

use crate::process::{cargo, run as run_command};

/// Checks the targets, then runs the test that feeds them.
pub(crate) fn run(root: &Path) -> Result<()> {
    for what in [["check", "--bins"], ["test", "--lib"]] {
        let of_fuzz = ["--manifest-path", "fuzz/Cargo.toml", "--no-default-features", "--quiet"];
        let mut command = cargo(root, what.iter().chain(&of_fuzz));
        // A workspace of its own, which shares what is built already.
        run_command(command.env("CARGO_TARGET_DIR", root.join("target")))?;
    }
    Ok(())
}
