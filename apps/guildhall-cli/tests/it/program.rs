//! The program as a process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longer means that it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// It while it runs; dropping it kills it.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    printed: String,
}

impl Program {
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        let mut command = guildhall(folder, args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _nobody_waits = sender.send(line);
                }
            });
        }
        Self { child, lines, printed: String::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it prints this line.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, line: &str) {
        self.wait_for_one(line, |next| next == line);
    }

    /// Waits until it prints a line that begins so.
    #[track_caller]
    pub(crate) fn wait_for_start(&mut self, start: &str) {
        self.wait_for_one(start, |next| next.starts_with(start));
    }

    #[track_caller]
    fn wait_for_one(&mut self, what: &str, is: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        while let Some(next) = self.next_line(end) {
            if is(&next) {
                return;
            }
        }
        panic!("it did not print `{what}`, only:\n{}", self.printed);
    }

    /// All that it has printed by now.
    pub(crate) fn printed(&mut self) -> &str {
        while self.next_line(Instant::now()).is_some() {}
        &self.printed
    }

    /// Waits until it ends; all that it printed.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + PATIENCE;
        while self.next_line(end).is_some() {}
        assert!(Instant::now() < end, "it did not end; it printed:\n{}", self.printed);
        (self.child.wait().unwrap(), std::mem::take(&mut self.printed))
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn next_line(&mut self, end: Instant) -> Option<String> {
        let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())).ok()?;
        self.printed.push_str(&line);
        self.printed.push('\n');
        Some(line)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
