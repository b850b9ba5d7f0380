//! One process of the game: a program, or the server of a vendor.

use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::Signal;
use servers::Server;
use tokio::task::block_in_place;

use crate::program::Program;

/// A process that runs, or did; dropping it kills it.
#[derive(Debug)]
pub(crate) enum Process {
    Program(Program),
    /// With its name, `postgres.1`.
    Server(String, Server),
}

impl Process {
    /// `func.inst` of its id.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Program(program) => &program.name,
            Self::Server(name, _) => name,
        }
    }

    pub(crate) fn start(&mut self) -> Result<()> {
        match self {
            Self::Program(program) => program.start()?,
            Self::Server(_, server) => block_in_place(|| server.start()),
        }
        Ok(())
    }

    /// Waits until it serves.
    pub(crate) async fn ready(&mut self, within: Duration) -> Result<()> {
        match self {
            Self::Program(program) => program.ready(within).await,
            // It accepts connections since its start.
            Self::Server(..) => Ok(()),
        }
    }

    /// Of the process that runs.
    pub(crate) fn id(&self) -> Option<u64> {
        match self {
            Self::Program(program) => program.id(),
            Self::Server(..) => None,
        }
    }

    /// Whether this life has served.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Program(program) => program.is_ready(),
            Self::Server(_, server) => server.is_running(),
        }
    }

    /// Sends a signal. Nothing happens where it has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        match self {
            Self::Program(program) => program.signal(signal),
            Self::Server(_, server) if server.is_running() => {
                let name = if signal == Signal::STOP { "STOP" } else { "CONT" };
                block_in_place(|| server.signal(name));
            }
            Self::Server(..) => {}
        }
    }

    /// SIGKILL; nothing is saved, nobody is told.
    pub(crate) async fn kill(&mut self) {
        match self {
            Self::Program(program) => program.kill().await,
            Self::Server(_, server) if server.is_running() => block_in_place(|| server.kill()),
            Self::Server(..) => {}
        }
    }

    /// SIGTERM. How it has ended; one that does not end in time is killed.
    pub(crate) async fn drain(&mut self, within: Duration) -> Result<ExitStatus> {
        match self {
            Self::Program(program) => program.drain(within).await,
            Self::Server(name, _) => bail!("{name} is not drained"),
        }
    }

    /// How it has ended, if it has, without having been told to.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        match self {
            Self::Program(program) => program.ended(),
            Self::Server(..) => None,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        match self {
            Self::Program(program) => program.is_running(),
            Self::Server(_, server) => server.is_running(),
        }
    }
}
