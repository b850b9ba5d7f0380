//! `guildhall status`, `kill` and `scale`: commands for a running cluster.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use guildhall_core::Env;

use crate::out::print;
use crate::table::Table;
use crate::up::control::{Answer, Ask, Row, ask};

/// How often it is asked how a restart goes.
const LOOK: Duration = Duration::from_millis(100);

const OTHER_VERSION: &str = "the cluster is of another version";

/// Which cluster that is up.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The cluster file that it was started with.
    #[arg(long, value_name = "FILE", default_value = "cluster.toml")]
    cluster: PathBuf,
}

/// `guildhall status`.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Prints a JSON array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

/// `guildhall kill`.
#[derive(Debug, clap::Args)]
pub(crate) struct KillArgs {
    /// The instance: `role.2`.
    instance: String,
    /// Kills with SIGKILL, without saving. Otherwise the process drains.
    #[arg(long)]
    hard: bool,
    #[command(flatten)]
    which: Which,
}

/// `guildhall scale`.
#[derive(Debug, clap::Args)]
pub(crate) struct ScaleArgs {
    /// The app and its number of instances: `role=4`.
    #[arg(value_name = "APP=COUNT", required = true, value_parser = app_and_count)]
    apps: Vec<(String, u32)>,
    #[command(flatten)]
    which: Which,
}

/// `guildhall up restart`.
#[derive(Debug, clap::Args)]
pub(crate) struct RestartArgs {
    /// Restarts all instances except hubs, one after the other, in start order.
    #[arg(long, required_unless_present = "app")]
    rolling: bool,
    /// Restarts only these: `role.2`, or all instances of `role`.
    #[arg(long, value_name = "INSTANCE")]
    app: Option<String>,
    /// The file that the cluster was started with.
    #[arg(value_name = "FILE", default_value = "cluster.toml")]
    file: PathBuf,
}

fn app_and_count(text: &str) -> Result<(String, u32)> {
    let (app, count) = text.split_once('=').context("write app=count: role=4")?;
    let count = count.parse().map_err(|_| anyhow!("`{count}` is no number; write role=4"))?;
    Ok((app.to_owned(), count))
}

pub(crate) fn status(args: &StatusArgs) -> Result<ExitCode> {
    let rows = match ask(&args.which.cluster, Ask::Status)? {
        Answer::Status(rows) => rows,
        Answer::Done(why) | Answer::Wrong(why) => bail!(why),
        Answer::Restarted(_) => bail!(OTHER_VERSION),
    };
    if args.json {
        print(&serde_json::to_string_pretty(&rows)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["INSTANCE", "STATE", ">FOR", ">PID", ">RESTARTS", "NOTE"]);
    for Row { instance, state, pid, for_ms, restarts, note } in rows {
        let pid = pid.map(|pid| pid.to_string()).unwrap_or_default();
        table.row([instance, state, time(for_ms), pid, restarts.to_string(), note]);
    }
    print(&table.lines().join("\n"));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn kill(args: KillArgs) -> Result<ExitCode> {
    done(&args.which, Ask::Kill { instance: args.instance, hard: args.hard })
}

pub(crate) fn scale(args: ScaleArgs) -> Result<ExitCode> {
    for (app, count) in args.apps {
        done(&args.which, Ask::Scale { app, count })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn done(which: &Which, what: Ask) -> Result<ExitCode> {
    match ask(&which.cluster, what)? {
        Answer::Done(what) => print(&what),
        Answer::Wrong(why) => bail!(why),
        Answer::Status(_) | Answer::Restarted(_) => bail!(OTHER_VERSION),
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits until the restart is over, and says what it says. Without somebody who waits it goes on.
pub(crate) async fn restart(args: RestartArgs) -> Result<ExitCode> {
    let RestartArgs { rolling: _, app, file } = args;
    let env = Env::real();
    match ask(&file, Ask::Restart { only: app })? {
        Answer::Done(_) => {}
        Answer::Wrong(why) => bail!(why),
        Answer::Status(_) | Answer::Restarted(_) => bail!(OTHER_VERSION),
    }
    let mut seen = 0;
    loop {
        let progress = match ask(&file, Ask::Restarted { seen })? {
            Answer::Restarted(progress) => progress,
            Answer::Done(why) | Answer::Wrong(why) => bail!(why),
            Answer::Status(_) => bail!(OTHER_VERSION),
        };
        progress.lines.iter().for_each(|line| print(line));
        seen += progress.lines.len();
        match progress.done {
            Some(true) => return Ok(ExitCode::SUCCESS),
            Some(false) => return Ok(ExitCode::FAILURE),
            None => env.sleep(LOOK).await,
        }
    }
}

/// `8s`, `3m 20s`, `2h 3m`.
fn time(ms: u64) -> String {
    let s = Duration::from_millis(ms).as_secs();
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s}s"),
        (h, m, _) => format!("{h}h {m}m"),
    }
}
