//! [`Program`]: a program as a process, with its output; and free ports for it.

#![allow(
    clippy::disallowed_methods,
    reason = "runs programs and times them; nothing here is simulated"
)]
#![allow(clippy::missing_panics_doc, reason = "in a test, a panic is the report")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a program may take to print or to end; longer means that it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs; dropping it kills it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    printed: String,
}

impl Program {
    /// Starts it and reads its output and its errors.
    pub fn start(command: &mut Command) -> Self {
        Self::spawn(command.stderr(Stdio::piped()))
    }

    /// As [`Program::start`], with its errors in a file.
    pub fn start_with_log(command: &mut Command, log: &Path) -> Self {
        Self::spawn(command.stderr(File::create(log).expect("the log can be written")))
    }

    fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let (sender, lines) = channel();
        let stdout = child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        let stderr = child.stderr.take().map(|stream| Box::new(stream) as _);
        for stream in [stdout, stderr].into_iter().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _nobody_waits = sender.send(line);
                }
            });
        }
        Self { child, lines, printed: String::new() }
    }

    /// Id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it prints this line.
    #[track_caller]
    pub fn wait_for(&mut self, line: &str) {
        self.wait_for_one(line, |next| next == line);
    }

    /// Waits until it prints a line that begins so.
    #[track_caller]
    pub fn wait_for_start(&mut self, start: &str) {
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
    pub fn printed(&mut self) -> &str {
        while self.next_line(Instant::now()).is_some() {}
        &self.printed
    }

    /// Waits until it ends; how it ended, and all that it printed.
    #[track_caller]
    pub fn finish(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + PATIENCE;
        while self.next_line(end).is_some() {}
        assert!(Instant::now() < end, "it did not end; it printed:\n{}", self.printed);
        let status = self.child.wait().expect("a child can be waited for");
        (status, std::mem::take(&mut self.printed))
    }

    /// Sends it a signal: `-TERM`.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal} did not reach {id}");
    }

    /// Kills it as SIGKILL does: nothing is saved.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// The most that it has had in memory, in bytes. Linux only.
    #[cfg(target_os = "linux")]
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.expect("Linux says it").trim().trim_end_matches("kB").trim();
        peak.parse::<u64>().expect("a number") * 1024
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
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Ports that are not given to connections: those begin above these.
const PORTS: Range<u32> = 12_000..32_000;

/// Addresses of loopback on which nobody listens. Each call has other ones.
pub fn free_addresses<const N: usize>() -> [String; N] {
    [(); N].map(|()| format!("127.0.0.1:{}", free_ports(1).start))
}

/// `count` ports in a row on which nobody listens at loopback. Each call has other ones.
///
/// # Panics
/// There are none.
pub fn free_ports(count: u32) -> Range<u32> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let free = |port| TcpListener::bind(format!("127.0.0.1:{port}")).is_ok();
    // Tests that run in other processes begin elsewhere.
    let begin = std::process::id().wrapping_mul(97);
    for _ in PORTS {
        let next = NEXT.fetch_add(count, Ordering::Relaxed).wrapping_add(begin);
        let first = PORTS.start + next % (PORTS.end - PORTS.start);
        if (first..first + count).all(free) {
            return first..first + count;
        }
    }
    panic!("no {count} ports in a row are free on loopback");
}
