//! `test` and `ci`: the steps, in order, each timed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::{codegen, examples, tidy};

/// All tests, doc tests and examples.
pub(crate) fn test(root: &Path) -> Result<()> {
    cargo(root, &["test", "--workspace", "--quiet"])?;
    examples::run(root)
}

/// What must pass for work to land.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let steps: [(&str, &dyn Fn() -> Result<()>); 5] = [
        ("format", &|| cargo(root, &["fmt", "--all", "--check"])),
        ("tidy", &|| tidy::run(root)),
        ("codegen", &|| codegen::run(root, true)),
        ("clippy", &|| {
            cargo(root, &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-Dwarnings"])
        }),
        ("test", &|| test(root)),
    ];
    for (name, step) in steps {
        println!("== {name}");
        #[allow(clippy::disallowed_methods, reason = "times a build, not a game")]
        let start = std::time::Instant::now();
        step().with_context(|| format!("step `{name}`"))?;
        times.push((name, start.elapsed()));
    }
    for (name, time) in times {
        println!("{name:10} {:6.1} s", time.as_secs_f64());
    }
    Ok(())
}

fn cargo(root: &Path, args: &[&str]) -> Result<()> {
    let status = Command::new("cargo").args(args).current_dir(root).status()?;
    if !status.success() {
        bail!("`cargo {}` failed", args.join(" "));
    }
    Ok(())
}
