//! The programs of the game: built as users build them, and copied, so that a later build does not change a run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

/// Where programs come from.
#[derive(Args, Clone, Debug)]
pub(crate) struct BuildArgs {
    /// Features of the demo that is built and run.
    #[arg(long)]
    features: Vec<String>,
    /// A folder that has `demo`, `guildhall-hub` and `guildhall` already: nothing is built.
    #[arg(long, conflicts_with = "features")]
    programs: Option<PathBuf>,
}

impl BuildArgs {
    /// The programs, copied to `folder`, which is made.
    pub(crate) fn programs(&self, folder: &Path) -> Result<Programs> {
        match &self.programs {
            Some(from) => Programs::take(from, folder),
            None => {
                let features = self.features.iter().map(String::as_str);
                Programs::build(folder, &features.collect::<Vec<_>>())
            }
        }
    }
}

/// What runs.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) demo: PathBuf,
    pub(crate) hub: PathBuf,
    /// `guildhall`.
    pub(crate) cli: PathBuf,
}

impl Programs {
    /// Those that lie in a folder already, copied to another.
    pub(crate) fn take(from: &Path, folder: &Path) -> Result<Self> {
        Ok(Self {
            hub: copy(&from.join("guildhall-hub"), folder)?,
            demo: copy(&from.join("demo"), folder)?,
            cli: copy(&from.join("guildhall"), folder)?,
        })
    }

    /// Builds them with these features of the demo, and copies them to `folder`, which is made.
    pub(crate) fn build(folder: &Path, features: &[&str]) -> Result<Self> {
        // The plugins that this has, as what it starts is to be one build with it.
        let vendors =
            if cfg!(feature = "vendors") { &["demo/vendors", "chaos/vendors"][..] } else { &[] };
        let vendors = vendors.iter().map(|feature| format!("--features={feature}"));
        let features = features.iter().map(|feature| format!("--features=demo/{feature}"));
        let built = build(&features.chain(vendors).collect::<Vec<_>>())?;
        let program = |name: &str| {
            let found = built.iter().find(|path| path.file_name().is_some_and(|file| file == name));
            copy(found.with_context(|| format!("cargo named no program {name}"))?, folder)
        };
        Ok(Self {
            hub: program("guildhall-hub")?,
            demo: program("demo")?,
            cli: program("guildhall")?,
        })
    }
}

fn copy(program: &Path, folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).context("make a folder for programs")?;
    let to = folder.join(program.file_name().context("a program has a name")?);
    std::fs::copy(program, &to).with_context(|| format!("copy {}", program.display()))?;
    Ok(to)
}

/// What is built, at once: with the harness, so that what they share is built with the same features, and so only once.
const PACKAGES: [&str; 4] = ["demo", "guildhall-hub-server", "guildhall-cli", "chaos"];

/// Builds all; the programs that cargo names.
fn build(more: &[String]) -> Result<Vec<PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--quiet", "--message-format=json"]);
    command.args(PACKAGES.iter().flat_map(|package| ["-p", package])).args(more);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stderr(Stdio::inherit());
    // As if nobody's package ran: or ring would be built again, and all that needs it.
    let of_package =
        |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_package) {
            command.env_remove(name);
        }
    }
    let output = command.output().context("start cargo")?;
    ensure!(output.status.success(), "cargo cannot build the game: {}", output.status);
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let named = messages.lines().filter_map(|line| line.rsplit_once("\"executable\":\""));
    let named = named.filter_map(|(_, rest)| rest.split_once('"'));
    Ok(named.map(|(path, _)| path.into()).collect())
}
