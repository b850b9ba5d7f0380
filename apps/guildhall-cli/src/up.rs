//! `guildhall up`: the processes of a cluster on this machine, started in order, started again when they end, and ended together.
//!
//! | module | what |
//! |---|---|
//! | `file` | the cluster file |
//! | `supervisor` | who runs, and what people want of them |
//! | `life` | one instance: its process, and the next one |
//! | `board` | what is known of each instance |
//! | `lines` | what processes print |
//! | `rolling` | restarts one after the other; `readyz` asks whether they are ready |
//! | `control` | the socket for `status`, `kill` and `scale`; `commands` are those |
//! | `watchdog` | ends what a killed supervisor leaves behind |

mod board;
mod lines;
mod readyz;
pub(crate) mod file;
pub(crate) mod watchdog;
mod life;
mod rolling;
pub(crate) mod control;
pub(crate) mod commands;
mod supervisor;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use guildhall_core::Env;

use crate::out::complain;
use control::Control;
use file::ClusterFile;
use supervisor::Supervisor;

/// An example of a cluster file.
pub(crate) const EXAMPLE: &str = r#"A cluster file:

    command = "target/release/game"        # of all apps; relative to `folder`
    build = ["cargo", "build", "--release"] # runs before the processes start
    folder = "."                            # working directory; relative to this file
    args = ["--set=app.id=dev.w1.{app}.{inst}"]

    [apps.hub]
    [apps.role]
    count = 2
    after = ["hub"]                         # starts when these are ready
    config = "role.toml"                    # becomes --config=role.toml
    args = ["--set=link.listen=127.0.0.1:{7200+inst}"]
    env = { RUST_LOG = "info" }
    ready = "ready"                         # line that it prints when it is ready; "": ready at once
    restart = true                          # restarts it when it has ended, after a pause
    readyz = "http://127.0.0.1:{7320+inst}/readyz" # also checked in a rolling restart
    rolling = true                          # takes part in it; the default, except for hubs

    [limits]                                # in ms, except the last; these are the defaults
    ready_ms = 60000                        # longest start; then it is killed and restarted
    drain_ms = 15000                        # longest drain; then it is killed
    backoff_ms = 200                        # first pause before a start, doubled after each failure
    backoff_max_ms = 10000
    settle_ms = 3000                        # in a rolling restart, for other apps to link to a restarted one
    restarts_max = 10                       # failures in a row; then it stays down until `guildhall scale`

A file that is like another one but for what it says itself:

    like = "cluster-hub.toml"               # relative to this file; tables join, all else is replaced
    without = ["hub"]                       # leaves these apps out
    env = { GUILDHALL__APP__CLUSTER = "postgres://game:secret@127.0.0.1/game" }

All processes end with this program: Ctrl-C drains them in reverse start order; a second Ctrl-C kills them."#;

/// `guildhall up`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct UpArgs {
    /// What to run.
    #[arg(value_name = "FILE", default_value = "cluster.toml")]
    file: PathBuf,
    #[command(subcommand)]
    what: Option<UpCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum UpCommand {
    /// Restarts instances of a cluster that is up, with their programs as they are on disk now.
    Restart(commands::RestartArgs),
}

/// Runs until Ctrl-C.
pub(crate) async fn run(args: UpArgs) -> Result<ExitCode> {
    if let Some(UpCommand::Restart(args)) = args.what {
        return commands::restart(args).await;
    }
    let env = Env::real();
    let file = ClusterFile::read(&args.file)?;
    if let Some((program, arguments)) = file.build.split_first() {
        let mut build = tokio::process::Command::new(program);
        build.args(arguments).current_dir(&file.folder);
        complain(&format!("guildhall: builds first: {}", file.build.join(" ")));
        let status = build.status().await.with_context(|| format!("build: start {program}"))?;
        ensure!(status.success(), "build: `{}` failed: {status}", file.build.join(" "));
    }
    let control = Control::open(&env, &args.file).await?;
    Supervisor::new(&env, file)?.run(control).await
}
