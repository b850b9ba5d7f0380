//! Starts other programs and reads their output, with a time limit for our own programs.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How often a program that closed its output is asked whether it ended.
const POLL: Duration = Duration::from_millis(10);

/// A `cargo` that has this one's toolchain and works in `root`. It hears nothing of the package that runs: build scripts that look at
/// their own package's variables (ring's) would run again, and all that needs them would be built again.
pub(crate) fn cargo<S: AsRef<OsStr>>(root: &Path, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root);
    let of_package =
        |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs to the end, with its output where ours is.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {}", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs to the end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("start {}", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("output of {}", shown(command)))
}

/// The program in cargo's messages.
pub(crate) fn executable(messages: &str) -> Option<PathBuf> {
    let (_, rest) = messages.rsplit_once("\"executable\":\"")?;
    Some(PathBuf::from(rest.split_once('"')?.0))
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// A program that runs beside us; dropping it ends it.
pub(crate) struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
    /// What it has printed so far.
    printed: String,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = shown(command);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("start {name}"))?;
        let stdout = child.stdout.take().expect("stdout is piped");
        Ok(Self { name, child, lines: read_lines(stdout), printed: String::new() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it prints `line`; returns all that it has printed.
    pub(crate) fn wait_for(&mut self, line: &str, within: Duration) -> Result<&str> {
        self.wait_for_line(line, |next| next.trim_end() == line, within)
    }

    /// Waits until it prints a line that `is` what is meant; returns all that it has printed.
    pub(crate) fn wait_for_line(
        &mut self,
        meant: &str,
        is: impl Fn(&str) -> bool,
        within: Duration,
    ) -> Result<&str> {
        let end = Instant::now() + within;
        while let Ok(next) = self.next_line(end) {
            if is(&next) {
                return Ok(&self.printed);
            }
        }
        bail!("{} did not print `{meant}` within {within:?}, only:\n{}", self.name, self.printed)
    }

    /// Waits until it ends; returns how it ended and all that it printed.
    pub(crate) fn finish(mut self, within: Duration) -> Result<(ExitStatus, String)> {
        let end = Instant::now() + within;
        while self.next_line(end).is_ok() {}
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, std::mem::take(&mut self.printed)));
            }
            std::thread::sleep(POLL);
        }
        bail!("{} did not end within {within:?}; it printed:\n{}", self.name, self.printed)
    }

    fn next_line(&mut self, end: Instant) -> Result<String, RecvTimeoutError> {
        let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))?;
        self.printed.push_str(&line);
        Ok(line)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail where it has ended, which is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads on a thread of its own, so that the program never waits for us.
fn read_lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}
