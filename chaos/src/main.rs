//! Real processes, real faults: whether what the framework promises of owners holds when processes die, sleep, and lose each other.
//!
//! ```text
//! cargo run --release -p chaos -- ownership --seconds 300 --seed 1
//! cargo run --release -p chaos --features vendors -- ownership --on nats+postgres
//! cargo run --release -p chaos -- rolling
//! cargo run --release -p chaos -- soak --minutes 20
//! cargo run --release -p chaos -- memory
//! cargo run --release -p chaos -- logins
//! ```
//!
//! | module | what |
//! |---|---|
//! | `plan` | which faults come when, from the seed |
//! | `faults` | does so |
//! | `backends` | what it runs on: a hub, or servers of vendors |
//! | `cluster`, `process`, `program`, `programs` | the game as processes |
//! | `upheld` | the game as `guildhall up` runs it |
//! | `wires` | the connections between them, to be cut and delayed |
//! | `player`, `line` | what is asked for, through the gates |
//! | `history`, `checker` | what came of it, and what of that must not be |
//! | `measure` | how long what has failed is missed |
//! | `game` | a run from its beginning to its end |
//! | `growth`, `used` | what processes have over time, and what is in use of the hub's file |
//! | `ownership`, `rolling`, `memory`, `soak`, `logins` | the commands |

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks")]
#![allow(
    clippy::disallowed_methods,
    reason = "real processes and real time; nothing here is simulated"
)]

mod backends;
mod growth;
mod history;
mod checker;
mod line;
mod measure;
mod plan;
mod player;
mod program;
mod process;
mod programs;
mod used;
mod wires;
mod bots_log;
mod cluster;
mod faults;
mod game;
mod memory;
mod logins;
mod ownership;
mod soak;
mod upheld;
mod rolling;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use logins::LoginsArgs;
use memory::MemoryArgs;
use ownership::OwnershipArgs;
use rolling::RollingArgs;
use soak::SoakArgs;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Breaks a running game in every way that a machine room knows, and says what broke that must not.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Whatever fails, each role has one owner whose writes count, and what is acked stays. Ends with 1 when that is not so, and
    /// with 2 when too little has happened to say so.
    Ownership(OwnershipArgs),
    /// All apps of the game are restarted while it is played, one after the other, twice: the second time to a build with a column
    /// and a method more. Ends with 1 when a call failed that a player could not just make again.
    Rolling(RollingArgs),
    /// Bots play for long, and nothing goes wrong. Prints by how much the file of the hub, and memory, tasks and descriptors of each
    /// process grow after a warm-up. Ends with 1 when something grows that those who live do not explain, or an answer was wrong.
    Soak(SoakArgs),
    /// What the game keeps in memory with a thousand players, and while hundreds log in at the same time. Ends with 1 when that is
    /// too much. Linux only.
    Memory(MemoryArgs),
    /// How long an honest login takes while the login server is attacked by silent and guessing connections, and without, in turns. Ends
    /// with 1 when its p99 is more than doubled by the attack.
    Logins(LoginsArgs),
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let Args { command } = Args::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("no runtime")?.block_on(async {
        // Whatever ends this ends all that it has started.
        let mut told = signal(SignalKind::terminate()).context("no signals")?;
        let done = async {
            match command {
                Command::Ownership(args) => ownership::run(args).await,
                Command::Rolling(args) => rolling::run(args).await,
                Command::Soak(args) => soak::run(args).await,
                Command::Memory(args) => memory::run(args).await,
                Command::Logins(args) => logins::run(args).await,
            }
        };
        tokio::select! {
            done = done => done,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            _ = told.recv() => bail!("told to end"),
        }
    })
}
