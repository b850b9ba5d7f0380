//! Processes end when their supervisor does, however it ends: another process hears of each, and when its input closes it ends
//! those that are left.
//!
//! The operating system's own ways (a death signal, a job) need unsafe code or exist on one system only; a pipe closes on all.

use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use guildhall_core::Env;
use parking_lot::Mutex;
use tokio::process::Command;

use crate::signals::{apart, end, is_there};

/// The command that runs it: not for people, so neither help nor completions know it.
const COMMAND: &str = "end-with-supervisor";

/// How often it is looked who has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Whether this process is to be it, and how long processes may drain.
pub(crate) fn asked_for(mut args: impl Iterator<Item = String>) -> Option<u64> {
    let command = args.nth(1)?;
    if command == COMMAND { args.next()?.parse().ok() } else { None }
}

/// The supervisor's end of the pipe.
#[derive(Debug)]
pub(crate) struct Watchdog {
    pipe: Mutex<std::io::PipeWriter>,
}

/// A process that ends with its supervisor; dropped when it has ended.
pub(crate) struct Watched<'a>(&'a Watchdog, Option<u32>);

impl Watchdog {
    /// Starts it.
    pub(crate) fn start(drain_ms: u64) -> Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        let (hears, pipe) = std::io::pipe().context("make a pipe")?;
        let mut command = Command::new(program);
        command.arg(COMMAND).arg(drain_ms.to_string()).stdin(Stdio::from(hears));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        apart(&mut command);
        // It ends when the pipe closes; the runtime reaps it.
        drop(command.spawn().context("start the process that watches this one")?);
        Ok(Self { pipe: Mutex::new(pipe) })
    }

    pub(crate) fn watch(&self, pid: Option<u32>) -> Watched<'_> {
        self.say('+', pid);
        Watched(self, pid)
    }

    fn say(&self, what: char, pid: Option<u32>) {
        if let Some(pid) = pid {
            // Without it processes outlive a supervisor that is killed, and nothing else changes.
            let _nobody_hears = writeln!(self.pipe.lock(), "{what}{pid}");
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.say('-', self.1);
    }
}

/// The other end: hears until the supervisor is gone, then ends what it has left.
pub(crate) async fn run(drain_ms: u64) -> Result<ExitCode> {
    let mut left: BTreeSet<u32> = BTreeSet::new();
    // Nothing else runs here, so it may block.
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (what, pid) = line.split_at_checked(1).unwrap_or_default();
        match (what, pid.parse()) {
            ("+", Ok(pid)) => drop(left.insert(pid)),
            ("-", Ok(pid)) => drop(left.remove(&pid)),
            _ => {}
        }
    }
    left.iter().for_each(|pid| end(*pid, false));
    let env = Env::real();
    let deadline = env.now() + Duration::from_millis(drain_ms);
    while env.now() < deadline && left.iter().any(|pid| is_there(*pid)) {
        env.sleep(LOOK).await;
    }
    left.iter().for_each(|pid| end(*pid, true));
    Ok(ExitCode::SUCCESS)
}
