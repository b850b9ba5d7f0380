//! The signals of processes: the only place that knows which operating system this is.

use std::fs::File;
use std::io::Result;
use std::path::Path;

use tokio::process::{Child, Command};

/// Ctrl-C in a terminal reaches this program alone, which then says who ends when.
pub(crate) fn apart(command: &mut Command) {
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Asks a process to end: it drains. Elsewhere than on Unix it is killed.
pub(crate) fn terminate(child: &mut Child) -> Result<()> {
    #[cfg(unix)]
    if let Some(pid) = child.id() {
        return send(pid, rustix::process::Signal::TERM);
    }
    child.start_kill()
}

/// Ends processes that are not children, so that they can drain or not; those that are gone are no error.
pub(crate) fn end(pid: u32, hard: bool) {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        let _gone = send(pid, if hard { Signal::KILL } else { Signal::TERM });
    }
    #[cfg(not(unix))]
    let _ = (pid, hard);
}

/// Whether there is a process with this number.
pub(crate) fn is_there(pid: u32) -> bool {
    #[cfg(unix)]
    {
        number(pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    }
    #[cfg(not(unix))]
    {
        let _ = pid;
        false
    }
}

#[cfg(unix)]
fn send(pid: u32, signal: rustix::process::Signal) -> Result<()> {
    let pid = number(pid).ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::kill_process(pid, signal)?)
}

#[cfg(unix)]
fn number(pid: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)
}

/// SIGTERM and Ctrl-C, from when it is made: none is missed between two waits.
pub(crate) struct EndSignals {
    #[cfg(unix)]
    both: [tokio::signal::unix::Signal; 2],
}

impl EndSignals {
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            both: {
                use tokio::signal::unix::{SignalKind, signal};
                [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]
            },
        })
    }

    /// Waits for the next one.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        {
            let [term, int] = &mut self.both;
            tokio::select! { biased; _ = term.recv() => {}, _ = int.recv() => {} }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            // No way to be told: run until killed.
            std::future::pending::<()>().await;
        }
    }
}

/// Makes a file that its owner alone reads.
pub(crate) fn private_file(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
