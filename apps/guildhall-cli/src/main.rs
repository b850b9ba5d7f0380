//! `guildhall`: projects, clusters on this machine, and a look at apps that run.

mod failure;
mod out;
mod catalog;
mod new;
mod signals;
mod table;
mod up;
mod link_news;
mod visit;
mod drain;
mod ls;
mod status;
mod reload;
mod gate_call;
mod call;
mod views;
mod store;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::out::{complain, print_bytes};

/// Creates projects, runs clusters on this machine, and inspects running apps.
#[derive(Debug, Parser)]
#[command(name = "guildhall", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates a project with a service, an actor, a client and a test.
    New(new::NewArgs),
    /// Calls a method with a JSON body, and prints the response as JSON.
    Call(call::CallArgs),
    /// Lists apps, services with methods and options, and actors.
    Ls(ls::LsArgs),
    /// Reloads the configuration of apps: limits, version rules, log level, resources.
    Reload(reload::ReloadArgs),
    /// Drains an app, and waits until it is gone.
    Drain(drain::DrainArgs),
    /// Runs the processes of a cluster on this machine until Ctrl-C.
    #[command(after_long_help = up::EXAMPLE)]
    Up(up::UpArgs),
    /// Shows the instances of a running cluster, and which backend serves each seam of its apps.
    Status(status::StatusArgs),
    /// Ends an instance of a running cluster; it is restarted.
    Kill(up::commands::KillArgs),
    /// Starts or ends instances of a running cluster.
    Scale(up::commands::ScaleArgs),
    /// Moves rows to another store, compares stores, gives rows to a renamed actor type, and shows messages as JSON.
    Store(store::StoreArgs),
    /// Prints a completion script for your shell's start-up file.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Prints the manual page.
    Man,
}

fn main() -> ExitCode {
    if let Some(drain_ms) = up::watchdog::asked_for(std::env::args()) {
        return run(up::watchdog::run(drain_ms)).unwrap_or(ExitCode::FAILURE);
    }
    let done = match Args::parse().command {
        Command::New(args) => new::run(&args),
        Command::Call(args) => run(call::run(args)),
        Command::Ls(args) => run(ls::run(args)),
        Command::Reload(args) => run(reload::run(args)),
        Command::Drain(args) => run(drain::run(args)),
        Command::Up(args) => run(up::run(args)),
        Command::Status(args) => run(status::run(args)),
        Command::Kill(args) => up::commands::kill(args),
        Command::Scale(args) => up::commands::scale(args),
        Command::Store(args) => run(store::run(args)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "guildhall", &mut script);
            print_bytes(&script);
            Ok(ExitCode::SUCCESS)
        }
        Command::Man => manual().map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        complain(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Runs a command that waits.
fn run(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// One page: the commands follow the program, each with its options.
fn manual() -> anyhow::Result<()> {
    let mut command = Args::command();
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    let subs =
        command.get_subcommands().flat_map(|sub| [sub].into_iter().chain(sub.get_subcommands()));
    for sub in subs.filter(|sub| sub.get_name() != "help") {
        let man = clap_mangen::Man::new(sub.clone());
        for render in [
            clap_mangen::Man::render_synopsis_section,
            clap_mangen::Man::render_description_section,
            clap_mangen::Man::render_options_section,
        ] {
            render(&man, &mut page)?;
        }
    }
    print_bytes(&page);
    Ok(())
}
