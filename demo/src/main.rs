//! The program: serves the demo, or plays on it.

#![allow(clippy::print_stderr, reason = "a command line speaks")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use demo::bots::{self, BotArgs};
use demo::{audit, serve};
use guildhall::{Config, StartError};
use tracing_subscriber::EnvFilter;

/// The demo game of Guildhall: login, gate and roles in one process, or in several.
#[derive(Debug, Parser)]
#[command(
    name = "demo",
    version,
    after_help = "Settings: --config FILE (guildhall.toml if there is one), GUILDHALL__SECTION__KEY in the environment,\n\
                  --set section.key=value, each over the one before. log.level says what is logged."
)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays with many players at once, and checks every answer.
    Bots(BotArgs),
    /// Adds up all the money in the store of app.store. Exact when nobody plays; ends with 1 when there is more or less than was given.
    Audit,
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, StartError> {
    let (config, rest) = serve::presets(Config::builder()).process_args()?;
    let args = Args::parse_from(std::iter::once("demo".to_owned()).chain(rest));
    match args.command {
        None => serve::app(config)?.run().map(|()| ExitCode::SUCCESS),
        Some(Command::Bots(args)) => {
            log();
            bots::run(&config, args)
        }
        Some(Command::Audit) => {
            log();
            audit::run(config)
        }
    }
}

fn log() {
    let filter = EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
