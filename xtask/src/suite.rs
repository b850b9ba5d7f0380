//! `test`: everything that shows that the project works, by the fastest runner that is installed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::examples;
use crate::process::{cargo, run as run_command};

/// Cases of a property that one does not wait for every day; proptest's own default is 256.
const SLOW_CASES: &str = "4096";

/// Names the file that tests which do not run add a line to: `guildhall_testkit::skipped`.
const SKIPPED: &str = "GUILDHALL_SKIPPED_TESTS";

/// How much is tested.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reach {
    /// The default members.
    Default,
    /// Every member of the workspace, more cases of each property, and the tests that are ignored because they take long.
    Slow,
}

/// Builds and tests, then the model's quick part and the judge of chaos, then the doc tests, then the examples. Says at the end which
/// tests were skipped, which cargo hides.
pub(crate) fn run(root: &Path, reach: Reach) -> Result<()> {
    let skipped = tempfile::NamedTempFile::new().context("make a file for skipped tests")?;
    let done = steps(root, reach, skipped.path());
    let skipped =
        std::fs::read_to_string(skipped.path()).context("read which tests were skipped")?;
    println!("{}", list(&skipped));
    done
}

/// How many tests were skipped, and why: one line each.
fn list(skipped: &str) -> String {
    let lines: BTreeSet<&str> = skipped.lines().collect();
    let count = format!("{} tests were skipped", lines.len());
    std::iter::once(&*count).chain(lines).collect::<Vec<_>>().join("\n  ")
}

fn steps(root: &Path, reach: Reach, skipped: &Path) -> Result<()> {
    let members: &[&str] = match reach {
        Reach::Default => &[],
        Reach::Slow => &["--workspace"],
    };
    let step = |args: &[&str]| {
        let mut command = cargo(root, args.iter().chain(members));
        command.env(SKIPPED, skipped);
        if reach == Reach::Slow {
            command.env("PROPTEST_CASES", SLOW_CASES);
        }
        run_command(&mut command)
    };
    if has_nextest(root) {
        step(&["nextest", "run"])?;
    } else {
        step(&["test", "--lib", "--bins", "--tests"])?;
    }
    match reach {
        Reach::Default => {
            let vendors = vendors(root)?;
            let others = ["models", "chaos", "servers", "queues", "guildhall-backends"].into_iter();
            let others = others.chain(vendors.iter().map(String::as_str));
            let packages = others.flat_map(|name| ["--package", name]);
            let all = ["test", "--features", "guildhall-backends/vendors,chaos/vendors"];
            step(&all.into_iter().chain(packages).collect::<Vec<_>>())?;
        }
        // Ignored tests are the long ones, and take too long unoptimized.
        Reach::Slow => {
            let long = ["test", "--release", "--workspace", "--lib", "--bins", "--tests"];
            // They say how many seeds and states there were.
            let mut command = cargo(root, long.iter().chain(&["--", "--ignored", "--show-output"]));
            // It would take longer to link so many programs well than to run them.
            command.env("CARGO_PROFILE_RELEASE_LTO", "off").env(SKIPPED, skipped);
            run_command(&mut command)?;
        }
    }
    step(&["test", "--doc"])?;
    examples::run(root)
}

/// The plugins that bring the client of a vendor: those that are not built by default.
fn vendors(root: &Path) -> Result<Vec<String>> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("read Cargo.toml")?;
    let mut vendors = Vec::new();
    for entry in std::fs::read_dir(root.join("plugins")).context("read plugins/")? {
        let name = entry.context("read plugins/")?.file_name().to_string_lossy().into_owned();
        if !manifest.contains(&format!("\"plugins/{name}\",")) {
            vendors.push(name);
        }
    }
    vendors.sort();
    Ok(vendors)
}

/// Servers for trying things out: what the crate `servers` does.
pub(crate) fn services(root: &Path, args: &[&str]) -> Result<()> {
    run_command(&mut cargo(
        root,
        ["run", "--quiet", "--package", "servers", "--"].iter().chain(args),
    ))
}

/// Whether `cargo nextest` is there: it runs tests of all binaries in parallel.
fn has_nextest(root: &Path) -> bool {
    let mut version: Command = cargo(root, ["nextest", "--version"]);
    version.stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn tests_that_were_skipped_are_counted_once_each_with_their_reasons() {
        assert_eq!(list(""), "0 tests were skipped");
        let twice = "full::a: no disk\nfull::b: no disk\nfull::a: no disk\n";
        assert_eq!(list(twice), "2 tests were skipped\n  full::a: no disk\n  full::b: no disk");
    }
}
