//! Dependency limits: nothing that needs more than a C compiler, and a package budget.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};

use crate::process::{cargo, output};

/// Packages that a build of the default members may bring in, beside our own. It was a third above what they were, and then 10 more:
/// croner, with what its builders are derived by, and jiff are the calendar of reminders;
/// raise it in the commit that says what the new ones are for.
const BUDGET: usize = 240;

/// Packages that no build of ours may bring in.
const REFUSED: &[(&str, &str)] = &[
    ("aws-lc-sys", "it builds C with cmake; choose rustls with ring"),
    ("openssl-sys", "it needs a system library; choose rustls with ring"),
    ("cmake", "a Rust toolchain and a C compiler are all we ask for"),
    ("bindgen", "it needs libclang; a Rust toolchain and a C compiler are all we ask for"),
];

/// Clients of vendors, which no build of the default members may bring in: users choose theirs by a feature.
const CLIENTS: &[(&str, &str)] = &[
    ("async-nats", VENDOR),
    ("lapin", VENDOR),
    ("mongodb", VENDOR),
    ("mysql_async", VENDOR),
    ("opentelemetry", VENDOR),
    ("redis", VENDOR),
    ("tokio-postgres", VENDOR),
    ("tonic", VENDOR),
    ("zeromq", VENDOR),
];
const VENDOR: &str = "clients of vendors belong into plugins that are no default members";

/// Checks the whole workspace for what is refused, and the default members for their number and for clients of vendors.
pub(crate) fn run(root: &Path) -> Result<()> {
    let format = ["--prefix", "none", "--format", "{p}"];
    let all = ["tree", "--workspace", "--edges", "normal,build,dev"];
    let all = output(&mut cargo(root, all.iter().chain(&format)))?;
    if let Some((name, why)) = refused(&packages(&all), REFUSED) {
        bail!("{name} is in the tree: {why}; `cargo tree --workspace -i {name}` says whose it is");
    }
    let default = ["tree", "--edges", "normal,build"];
    let default = output(&mut cargo(root, default.iter().chain(&format)))?;
    if let Some((name, why)) = refused(&packages(&default), CLIENTS) {
        bail!(
            "the default members bring in {name}: {why}; `cargo tree -i {name}` says whose it is"
        );
    }
    let count = packages(&default).len();
    if count > BUDGET {
        bail!(
            "the default members bring in {count} packages; the budget in {} is {BUDGET}",
            file!()
        );
    }
    println!("{count} packages of at most {BUDGET}");
    Ok(())
}

/// The packages of others, as `name vVERSION`.
fn packages(tree: &str) -> BTreeSet<&str> {
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    // Our own are followed by their folder.
    lines.filter(|line| !line.is_empty() && !line.contains("(/") && !line.contains(":\\")).collect()
}

fn refused(
    packages: &BTreeSet<&str>,
    refused: &'static [(&str, &str)],
) -> Option<(&'static str, &'static str)> {
    let name = |package: &str| package.split(' ').next().unwrap_or_default().to_owned();
    let names: BTreeSet<String> = packages.iter().map(|package| name(package)).collect();
    refused.iter().find(|(refused, _)| names.contains(*refused)).copied()
}

#[cfg(test)]
mod tests;
