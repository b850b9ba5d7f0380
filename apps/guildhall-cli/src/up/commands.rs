//! `guildhall kill`, `scale` and `up restart`: commands for a running cluster.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use guildhall_core::Env;

use crate::out::print;
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

/// The instances of a cluster that is up.
pub(crate) fn instances(cluster: &Path) -> Result<Vec<Row>> {
    match ask(cluster, Ask::Status)? {
        Answer::Status(rows) => Ok(rows),
        Answer::Done(why) | Answer::Wrong(why) => bail!(why),
        Answer::Restarted(_) => bail!(OTHER_VERSION),
    }
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
