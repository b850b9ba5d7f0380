//! The program as a process.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use guildhall_testkit::process::{PATIENCE, Program};

/// The program, in a folder, without what the environment of the test says.
pub(crate) fn guildhall(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guildhall"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

/// Runs it to its end: exit code, output, errors.
pub(crate) fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = guildhall(folder, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Starts it.
pub(crate) fn start(folder: &Path, args: &[&str]) -> Program {
    Program::start(&mut guildhall(folder, args))
}

/// Looks again and again.
#[track_caller]
pub(crate) fn wait_until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "it did not come: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
