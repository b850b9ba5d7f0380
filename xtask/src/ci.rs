//! `ci`: the steps in order, each timed; the same commands that a person runs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::process::{cargo, run as run_command};
use crate::suite::Reach;
use crate::{codegen, deps, fuzz, smoke, suite, tidy};

type Step<'a> = (&'a str, &'a dyn Fn() -> Result<()>);

/// What must pass for work to land. Ends at the first step that fails.
pub(crate) fn run(root: &Path) -> Result<()> {
    let step = |args: &[&str]| run_command(&mut cargo(root, args));
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    let docs = || {
        let mut doc = cargo(root, ["doc", "--workspace", "--no-deps", "--quiet"]);
        run_command(doc.env("RUSTDOCFLAGS", "-D warnings"))
    };
    let steps: [Step<'_>; 9] = [
        ("format", &|| step(&["fmt", "--all", "--check"])),
        ("tidy", &|| tidy::run(root, false)),
        ("codegen", &|| codegen::run(root, true)),
        ("deps", &|| deps::run(root)),
        ("clippy", &|| step(&clippy)),
        ("docs", &docs),
        ("fuzz", &|| fuzz::run(root)),
        ("test", &|| suite::run(root, Reach::Default)),
        ("smoke", &|| smoke::run(root)),
    ];
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut done = Ok(());
    for (name, step) in steps {
        println!("== {name}");
        let start = Instant::now();
        done = step().with_context(|| format!("step `{name}`"));
        times.push((name, start.elapsed()));
        if done.is_err() {
            break;
        }
    }
    println!("\n{}", table(&times));
    done
}

/// One line per step that ran, and their sum.
fn table(times: &[(&str, Duration)]) -> String {
    let sum = ("total", times.iter().map(|(_, time)| *time).sum());
    let rows = times.iter().chain([&sum]);
    let rows = rows.map(|(name, time)| format!("{name:<8} {:7.1} s", time.as_secs_f64()));
    rows.collect::<Vec<_>>().join("\n")
}
