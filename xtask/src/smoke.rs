//! A new project, and the demo, as people run them: start, a hundred players, SIGTERM, and an exit that says that all went well. Then
//! the demo as a cluster that starts without a warning, as one whose processes die, sleep and lose each other, and as one that is restarted
//! under its players.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process::{Program, cargo, executable, output, run as run_command};
use crate::project;

/// The demo's package and folder.
const DEMO: &str = "demo";

/// What the demo listens on: any free port, which it prints.
const LISTEN: &[&str] = &[
    "GUILDHALL__LOGIN__LISTEN",
    "GUILDHALL__GATE__TCP",
    "GUILDHALL__GATE__WEBSOCKET",
    "GUILDHALL__ADMIN__LISTEN",
];
const ANY_PORT: &str = "127.0.0.1:0";

/// The line that it prints once it serves.
const READY: &str = "ready";

const BOTS: &[&str] = &["bots", "--players", "100", "--seconds", "5"];

/// Few enough players that two slow cores answer each of them once a second while half of all is down.
const CHAOS: &[&str] = &["ownership", "--seed", "1", "--seconds", "100", "--players", "50"];

/// Two rolling restarts, the second to a later release of the demo.
const ROLLING: &[&str] = &["rolling", "--seed", "1", "--players", "50"];

/// What `guildhall up` says when all of them are.
const ALL_CLEAR: &str = "all is ready";

/// The demo as thirteen processes.
const CLUSTER: &str = "demo/cluster-hub.toml";

const READY_MAX: Duration = Duration::from_secs(60);
/// The seconds of `BOTS`, and a login of each player before them.
const BOTS_MAX: Duration = Duration::from_secs(120);
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// Makes a project and runs it; builds the demo and plays on it, with its data in a temporary folder.
pub(crate) fn run(root: &Path) -> Result<()> {
    project::run(root)?;
    if !root.join(DEMO).join("Cargo.toml").exists() {
        println!("NOT RUN: there is no {DEMO} yet");
        return Ok(());
    }
    let demo = build(root)?;
    let programs = demo.parent().context("a program is in a folder")?;
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let command = |args: &[&str]| {
        let mut command = Command::new(&demo);
        command.args(args).current_dir(folder.path());
        command.envs(LISTEN.iter().map(|name| (name, ANY_PORT)));
        command
    };
    let mut server = Program::start(&mut command(&[]))?;
    let printed = server.wait_for(READY, READY_MAX)?.to_owned();
    let place = |what: &str| {
        let line = printed.lines().find(|line| line.starts_with(what));
        line.and_then(|line| line.split_whitespace().last())
            .with_context(|| format!("the demo does not say where `{what}` is:\n{printed}"))
    };
    let (login, gate) = (place("login")?, place("gate (TCP)")?);
    let bots = [BOTS, &["--login", login, "--address", gate]].concat();
    let (status, printed) = Program::start(&mut command(&bots))?.finish(BOTS_MAX)?;
    print!("{printed}");
    ensure!(status.success(), "the bots failed: {status}");
    // The standard library sends no signals but SIGKILL.
    run_command(Command::new("kill").args(["-TERM", &server.id().to_string()]))?;
    let (status, printed) = server.finish(DRAIN_MAX)?;
    ensure!(status.success(), "after SIGTERM the demo ended with {status}; it printed:\n{printed}");
    all_clear(root, programs)?;
    let chaos = |args| {
        run_command(Command::new(programs.join("chaos")).args(args).arg("--programs").arg(programs))
    };
    chaos(CHAOS)?;
    // It builds the later release itself.
    chaos(ROLLING)
}

/// Starts all processes of the cluster file that the README names, and sees that none of them warns of anything and that all is said to be
/// well. Their data is in a temporary folder.
fn all_clear(root: &Path, programs: &Path) -> Result<()> {
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let file = folder.path().join(CLUSTER);
    std::fs::create_dir_all(folder.path().join(DEMO)).context("make a folder")?;
    let text =
        std::fs::read_to_string(root.join(CLUSTER)).with_context(|| format!("read {CLUSTER}"))?;
    let here = format!("{}/", programs.display());
    let lines = text.lines().filter(|line| !line.starts_with("build = "));
    let lines = lines.map(|line| line.replace("target/release/", &here) + "\n");
    std::fs::write(&file, lines.collect::<String>()).context("write the cluster file")?;
    let common = "demo/on-hub.toml";
    std::fs::copy(root.join(common), folder.path().join(common)).context("copy its settings")?;
    // What it and all of them say, in one.
    let mut up = Command::new("sh");
    up.args(["-c", r#"exec "$0" up "$1" 2>&1"#]).arg(programs.join("guildhall")).arg(&file);
    let mut up = Program::start(&mut up)?;
    let printed =
        up.wait_for_line(ALL_CLEAR, |line| line.contains(ALL_CLEAR), READY_MAX)?.to_owned();
    println!("{}", printed.lines().last().unwrap_or_default());
    run_command(Command::new("kill").args(["-TERM", &up.id().to_string()]))?;
    let (status, printed) = up.finish(DRAIN_MAX)?;
    ensure!(
        status.success(),
        "after SIGTERM the cluster ended with {status}; it printed:\n{printed}"
    );
    let loud = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
    let loud: Vec<&str> = printed.lines().filter(loud).collect();
    ensure!(loud.is_empty(), "a healthy cluster warns:\n{}", loud.join("\n"));
    Ok(())
}

/// Builds the demo, and what chaos runs, at once; returns the demo's program, so that signals reach it and not cargo.
fn build(root: &Path) -> Result<PathBuf> {
    let args = ["build", "--release", "--quiet", "--message-format=json"];
    let packages = [DEMO, "guildhall-hub-server", "guildhall-cli", "chaos"];
    let packages = packages.iter().flat_map(|package| ["-p", package]);
    let messages = output(&mut cargo(root, args.into_iter().chain(packages)))?;
    let mut programs = messages.lines().filter_map(executable);
    let demo = programs.find(|program| program.file_stem().is_some_and(|name| name == DEMO));
    demo.with_context(|| format!("cargo named no program of {DEMO}"))
}

#[cfg(test)]
mod tests;
