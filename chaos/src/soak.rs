//! `chaos -- soak`: bots play for long, nothing goes wrong, and nothing may grow that those who live do not explain.

use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use tokio::process::Command;
use tokio::time::{Instant, interval, sleep};

use crate::backends::On;
use crate::bots_log::BotsLog;
use crate::cluster::{Cluster, Shape};
use crate::game::{in_folder, mint};
use crate::growth::{File, Growth, Sample, Series};
use crate::process::Process;
use crate::programs::BuildArgs;
use crate::used::used;

/// What `soak` is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct SoakArgs {
    /// How long the bots play, in minutes.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: u64,
    /// How much of that is a warm-up, in minutes, which is not looked at. Default: a third. Records of commands, and idle actors, live
    /// for some minutes: before that all grows.
    #[arg(long)]
    warm_up: Option<u64>,
    /// How many bots.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    players: u32,
    /// What the bots do. Default: a random one.
    #[arg(long)]
    seed: Option<u64>,
    /// Apps that own roles.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    roles: u32,
    /// A setting of all apps: key=value.
    #[arg(long)]
    set: Vec<String>,
    #[command(flatten)]
    build: BuildArgs,
    /// The folder with all logs stays, also when all is well.
    #[arg(long)]
    keep: bool,
}

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(5);
/// How long bots may take to come in and to go.
const BESIDE: Duration = Duration::from_secs(300);

/// Runs it, and prints a line per process, and the result as the last line.
pub(crate) async fn run(args: SoakArgs) -> Result<ExitCode> {
    in_folder(args.keep, |folder| async move { run_in(&folder, args).await }).await
}

async fn run_in(folder: &Path, args: SoakArgs) -> Result<u8> {
    let seed = args.seed.unwrap_or_else(|| guildhall::Env::real().random());
    println!("seed={seed}");
    let programs = args.build.programs(&folder.join("bin"))?;
    let keys = folder.join("keys");
    let _made = mint(&keys)?;
    // Actors leave within the warm-up, as they would in a longer run.
    let mut settings = vec!["actor.idle_ms=60000".to_owned()];
    settings.extend(args.set.iter().cloned());
    let shape = Shape { roles: args.roles, gates: 1, settings, login: true, on: On::Hub };
    let cluster = Cluster::start(&shape, &programs, folder, &keys).await?;
    let login = cluster.login.clone().context("no login")?;
    let (minutes, warm_up) = (args.minutes, args.warm_up.unwrap_or(args.minutes.div_ceil(3)));
    ensure!(warm_up < minutes, "--warm-up {warm_up} leaves nothing of {minutes} minutes");
    let mut bots = Command::new(&programs.demo);
    bots.args(["bots", "--players", &args.players.to_string(), "--seed", &seed.to_string()]);
    bots.args(["--seconds", &(minutes * 60).to_string(), "--login", &format!("http://{login}")]);
    bots.args(cluster.gates.iter().flat_map(|gate| ["--address", gate.as_str()]));
    bots.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut bots = bots.stderr(Stdio::piped()).spawn().context("start the bots")?;
    let log = BotsLog::begin(folder, bots.stderr.take().context("no stderr")?)?;
    let ended = tokio::spawn(bots.wait_with_output());
    let all = Duration::from_secs(minutes * 60);
    let (begun, warm) = (Instant::now(), Duration::from_secs(warm_up * 60));
    let mut series = Vec::<(String, Series)>::new();
    let mut looks = interval(LOOK);
    eprintln!(
        "{} bots play for {minutes} min; the first {warm_up} are not looked at",
        args.players
    );
    while begun.elapsed() < all && !ended.is_finished() {
        looks.tick().await;
        let at = begun.elapsed();
        if at < warm {
            continue;
        }
        for (name, sample) in look(&cluster, folder).await? {
            match series.iter_mut().find(|(of, _)| *of == name) {
                Some((_, series)) => series.add(at, sample),
                None => {
                    let mut first = Series::default();
                    first.add(at, sample);
                    series.push((name, first));
                }
            }
        }
    }
    let output = tokio::time::timeout(BESIDE, ended).await.context("the bots do not end")???;
    log.end().await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let result = said.lines().last().unwrap_or("the bots have said nothing").to_owned();
    // What is over is removed within a sweep or two; then nothing but what lives is left.
    sleep(LOOK).await;
    cluster.end().await;
    Ok(judge(&series, &format!("minutes={minutes} warm_up={warm_up}"), &result, output.status))
}

/// Prints what has grown. 1: something has that should not, or the bots have failed. 2: too little has happened to say so.
fn judge(series: &[(String, Series)], run: &str, result: &str, bots: ExitStatus) -> u8 {
    let mut grown = Vec::new();
    for (name, series) in series {
        let growth = series.growth();
        println!("{name:<8} {growth}");
        grown.extend(growth.unexplained().map(|what| format!("{name}: {what}")));
    }
    for what in &grown {
        eprintln!("grows: {what}");
    }
    let samples = series.iter().map(|(_, series)| series.len()).min().unwrap_or(0);
    println!("{run} samples={samples} grows={} {result}", grown.len());
    if !bots.success() {
        return if bots.code() == Some(2) { 2 } else { 1 };
    }
    if samples < Growth::LEAST {
        eprintln!("too little: {samples} looks are less than {}", Growth::LEAST);
        return 2;
    }
    u8::from(!grown.is_empty())
}

/// What each process has now.
async fn look(cluster: &Cluster, folder: &Path) -> Result<Vec<(String, Sample)>> {
    let mut samples = Vec::new();
    for (name, process) in &cluster.processes {
        let process = process.lock().await;
        let Some(id) = process.id() else { bail!("{name} has ended; see its log") };
        let admin = cluster.admins.get(name).context("no admin address")?;
        let file = if cluster.cast.backends.contains(name) {
            file_of(folder, &process)?
        } else {
            File::default()
        };
        samples.push((name.clone(), Sample::take(id, admin, file).await?));
    }
    Ok(samples)
}

/// The file of the hub.
fn file_of(folder: &Path, hub: &Process) -> Result<File> {
    let path = folder.join("data/hub/guildhall.redb");
    let used = used(hub, &path, &folder.join("hub-copy.redb"))?;
    let size = std::fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?;
    Ok(File { size: size.len(), used })
}
