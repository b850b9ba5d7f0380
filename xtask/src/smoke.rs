//! A new project, and the demo, as people run them: start, a hundred players, SIGTERM, and an exit that says that all went well. Then
//! the demo as a cluster that starts without a warning, on a hub and on servers, as one whose processes die, sleep and lose each other, and as one that is restarted
//! under its players.

mod clusters;
mod under_fire;

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

/// What chaos runs the game on beside a hub: another one for each commit.
const ON: [&str; 3] = ["postgres", "etcd+redis", "nats+postgres"];
const CHAOS_ON: &[&str] =
    &["ownership", "--seed", "1", "--seconds", "30", "--players", "30", "--on"];

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
    clusters::on_a_hub(root, programs)?;
    let has_servers = clusters::on_servers(root, programs, &clusters::Play)?;
    let chaos = |args: &[&str]| {
        run_command(Command::new(programs.join("chaos")).args(args).arg("--programs").arg(programs))
    };
    chaos(CHAOS)?;
    let on = ON[turn(root) % ON.len()];
    if has_servers {
        println!("chaos on {on}");
        chaos(&[CHAOS_ON, &[on]].concat())?;
    } else {
        println!("NOT RUN: chaos on {on}");
    }
    // It builds the later release itself.
    chaos(ROLLING)
}

/// The clusters on servers, while each process is killed once and each server restarts.
pub(crate) fn under_fire(root: &Path, args: &[&str]) -> Result<()> {
    let fire = under_fire::Fire::of(args)?;
    let demo = build(root)?;
    let programs = demo.parent().context("a program is in a folder")?;
    clusters::on_servers(root, programs, &fire).map(|_is_all| ())
}

/// How many commits there are, so that each takes another turn.
fn turn(root: &Path) -> usize {
    let mut count = Command::new("git");
    let count = output(count.args(["rev-list", "--count", "HEAD"]).current_dir(root));
    count.ok().and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// Builds the demo, and what chaos runs, at once; returns the demo's program, so that signals reach it and not cargo.
fn build(root: &Path) -> Result<PathBuf> {
    let args = ["build", "--release", "--quiet", "--message-format=json"];
    let packages = [DEMO, "guildhall-hub-server", "guildhall-cli", "chaos"];
    let packages = packages.iter().flat_map(|package| ["-p", package]);
    let packages = packages.chain(["--features", "chaos/vendors,demo/vendors"]);
    let messages = output(&mut cargo(root, args.into_iter().chain(packages)))?;
    let mut programs = messages.lines().filter_map(executable);
    let demo = programs.find(|program| program.file_stem().is_some_and(|name| name == DEMO));
    demo.with_context(|| format!("cargo named no program of {DEMO}"))
}

#[cfg(test)]
mod tests;
