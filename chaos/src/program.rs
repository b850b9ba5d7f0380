//! A program of the game as a process: started again and again, with one log.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

/// The line that a program prints once it serves.
const READY: &str = "ready";

/// A program that runs, or did; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Program {
    /// `func.inst` of its id.
    pub(crate) name: String,
    program: PathBuf,
    args: Vec<String>,
    /// Its folder; what it logs goes to a file there.
    folder: PathBuf,
    child: Option<Child>,
    /// Whether this life has said that it serves.
    ready: watch::Receiver<bool>,
}

impl Program {
    pub(crate) fn new(name: &str, program: PathBuf, args: Vec<String>, folder: PathBuf) -> Self {
        let ready = watch::channel(false).1;
        Self { name: name.to_owned(), program, args, folder, child: None, ready }
    }

    pub(crate) fn start(&mut self) -> Result<()> {
        let path = self.folder.join(format!("{}.log", self.name));
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("open {}", path.display()))?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.folder).env("RUST_LOG", "info");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("start {}", self.name))?;
        let (sender, ready) = watch::channel(false);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(listen(stdout, sender));
        }
        (self.child, self.ready) = (Some(child), ready);
        Ok(())
    }

    /// Waits until it serves.
    pub(crate) async fn ready(&mut self, within: Duration) -> Result<()> {
        let ready = tokio::time::timeout(within, self.ready.wait_for(|ready| *ready)).await;
        match ready {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => bail!("{} has ended; see its log", self.name),
            Err(_) => bail!("{} is not ready within {within:?}; see its log", self.name),
        }
    }

    /// Of the process that runs.
    pub(crate) fn id(&self) -> Option<u64> {
        self.child.as_ref().and_then(Child::id).map(u64::from)
    }

    /// Whether this life has served.
    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Sends a signal. Nothing happens where it has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            // It is ours until it was waited for, so the id is nobody else's.
            let _gone = kill_process(id, signal);
        }
    }

    /// SIGKILL; nothing is saved, nobody is told.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill().await;
        }
    }

    /// SIGTERM. How it has ended; one that does not end in time is killed.
    pub(crate) async fn drain(&mut self, within: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM);
        let Some(mut child) = self.child.take() else { bail!("{} does not run", self.name) };
        match tokio::time::timeout(within, child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => {
                let _ended = child.kill().await;
                bail!("{} did not end within {within:?} after SIGTERM", self.name)
            }
        }
    }

    /// How it has ended, if it has, without having been told to.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        Some(status)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }
}

/// Reads what it prints, to the end.
async fn listen(stdout: ChildStdout, ready: watch::Sender<bool>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.trim_end() == READY {
            ready.send_replace(true);
        }
    }
}
