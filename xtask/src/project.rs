//! A project as `guildhall new` makes it: its test passes, it runs, and a call reaches it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process::{Program, cargo, executable, output, run as run_command};

/// With a dash, which is none in Rust.
const NAME: &str = "red-fox";

const READY_MAX: Duration = Duration::from_secs(60);
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// Makes one in a temporary folder and does what its maker would do next.
pub(crate) fn run(root: &Path) -> Result<()> {
    let build = ["build", "--quiet", "-p", "guildhall-cli", "--message-format=json"];
    let guildhall = program(&output(&mut cargo(root, build))?)?;
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    run_command(Command::new(&guildhall).args(["new", NAME]).current_dir(folder.path()))?;
    let project = folder.path().join(NAME);
    // The versions that are here already, so that nothing is fetched and most of it is built.
    fs::copy(root.join("Cargo.lock"), project.join("Cargo.lock")).context("copy Cargo.lock")?;
    let cargo = |args: &[&str]| {
        let mut command = cargo(&project, args);
        command.arg("--offline").env("CARGO_TARGET_DIR", root.join("target"));
        command
    };
    run_command(&mut cargo(&["test", "--quiet"]))?;
    let built = output(&mut cargo(&["build", "--quiet", "--message-format=json"]))?;
    let again: Vec<_> = built.lines().filter(|line| line.contains("\"fresh\":false")).collect();
    ensure!(
        again.is_empty(),
        "`cargo test` has built this, and `cargo build` builds it again: {again:#?}"
    );
    let served = program(&built)?;
    let address = free_address()?;
    let mut served = Command::new(served);
    served.current_dir(&project).env("GUILDHALL__LINK__LISTEN", &address);
    let mut served = Program::start(&mut served)?;
    served.wait_for("ready", READY_MAX)?;
    let call = ["call", "Greeter/Hello", "{\"name\":\"ann\"}", "--app", &address];
    let said = output(Command::new(&guildhall).args(call).current_dir(&project))?;
    ensure!(said.contains("hello, ann: visit 1"), "a call of the new project answers {said}");
    run_command(Command::new("kill").args(["-TERM", &served.id().to_string()]))?;
    let (status, printed) = served.finish(DRAIN_MAX)?;
    ensure!(status.success(), "after SIGTERM {NAME} ended with {status}; it printed:\n{printed}");
    println!("{NAME}: a new project passes its test, serves and drains");
    Ok(())
}

fn program(messages: &str) -> Result<PathBuf> {
    executable(messages).context("cargo named no program")
}

/// One that is free now.
fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
