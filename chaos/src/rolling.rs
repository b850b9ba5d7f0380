//! `chaos -- rolling`: the game is restarted under its players, one app after the other, and nobody notices.
//!
//! The hub stays: it is one process, and has no other that could serve meanwhile.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use demo::proto::role::RoleClient;
use guildhall::Method;
use guildhall::codegen::MethodDesc;
use tokio::time::{Instant, sleep};

use crate::checker::{Verdict, check};
use crate::cluster::{Cluster, DRAIN_MAX, READY_MAX, Shape};
use crate::game::{Game, folder, write};
use crate::history::Outcome;
use crate::player::Player;
use crate::programs::Programs;

/// What `rolling` is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct RollingArgs {
    /// How many play.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(2..=5_000))]
    players: u64,
    /// Apps that own roles.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=16))]
    roles: u32,
    /// Gates.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=8))]
    gates: u32,
    /// What players do. Default: random.
    #[arg(long)]
    seed: Option<u64>,
    /// Between what a player asks for and what it asks for next, in ms at most.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    pause_ms: u64,
    /// A setting of all apps: key=value.
    #[arg(long)]
    set: Vec<String>,
    /// A folder that has `demo` and `guildhall-hub` already: they are not built.
    #[arg(long)]
    programs: Option<PathBuf>,
    /// A folder that has the `demo` and `guildhall-hub` of the later release already.
    #[arg(long)]
    next: Option<PathBuf>,
    /// The folder with all logs stays, also when all is well.
    #[arg(long)]
    keep: bool,
}

/// Between one restart and the next.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs it, and prints the result as the last line.
pub(crate) async fn run(args: RollingArgs) -> Result<ExitCode> {
    let seed = args.seed.unwrap_or_else(|| guildhall::Env::real().random());
    println!("seed={seed}");
    let folder = folder()?;
    let programs = |given: &Option<PathBuf>, name: &str, features: &[String]| {
        let to = folder.path().join(name);
        given.as_ref().map_or_else(|| Programs::build(&to, features), |at| Programs::take(at, &to))
    };
    let now = programs(&args.programs, "now", &[])?;
    let next = programs(&args.next, "next", &["next".to_owned()])?;
    let shape = Shape { roles: args.roles, gates: args.gates, settings: args.set.clone() };
    let players = usize::try_from(args.players)?;
    let mut game = Game::begin(folder, &now, &shape, players, args.pause_ms, seed).await?;
    let cluster = std::sync::Arc::clone(&game.cluster);
    let rolled = game.play(async {
        sleep(PAUSE).await;
        roll(&cluster, &now, "the same build").await?;
        roll(&cluster, &next, "the next build").await
    });
    let rolled = rolled.await?;
    drop(cluster);
    let is_next = match game.players.first() {
        Some(player) if rolled.is_ok() => honour(player).await,
        _ => Ok(()),
    };
    let ended = game.settle().await?;
    let verdict = check(&ended.histories, &ended.finals, ended.at);
    let failed = verdict.unknown + verdict.not_run;
    let is_bad = failed > 0
        || verdict.is_broken()
        || ended.audit.error() != 0
        || rolled.is_err()
        || is_next.is_err();
    for error in [rolled.err(), is_next.err()].into_iter().flatten() {
        eprintln!("error: {error:#}");
    }
    let records = ended.histories.iter().flat_map(|history| &history.records);
    let unknown = records.filter_map(|record| match &record.outcome {
        Outcome::Unknown(why) => Some((record, why)),
        _ => None,
    });
    for (record, why) in unknown.take(10) {
        eprintln!("failed: {:?} after {:?}: {why}", record.asked, record.ended - record.begun);
    }
    if is_bad {
        write(game.folder.path(), &ended.histories)?;
    }
    if let Some(folder) = game.end(is_bad || args.keep).await {
        eprintln!("logs: {}", folder.display());
    }
    print(&verdict, failed, ended.audit.error());
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(verdict: &Verdict, failed: u64, balance_error: i64) {
    for why in &verdict.explained {
        eprintln!("{why}");
    }
    let Verdict { acked, refused, repeats, lost, duplicated, stale_writes, stale_reads, .. } =
        verdict;
    println!(
        "acked={acked} refused={refused} failed={failed} retried={repeats} lost={lost} duplicated={duplicated} stale_writes_accepted={stale_writes} stale_reads={stale_reads} balance_error={balance_error} max_unavailable_ms={}",
        verdict.unavailable.as_millis(),
    );
}

/// Restarts all apps with these programs.
async fn roll(cluster: &Cluster, programs: &Programs, what: &str) -> Result<()> {
    let cast = &cluster.cast;
    for name in cast.roles.iter().chain([&cast.rest]).chain(&cast.gates) {
        let begun = Instant::now();
        let mut process = cluster.process(name)?.lock().await;
        let status = process.drain(DRAIN_MAX).await?;
        ensure!(status.success(), "{name} ended with {status} after SIGTERM");
        let drained = begun.elapsed();
        process.program.clone_from(&programs.demo);
        process.start()?;
        process.ready(READY_MAX).await?;
        let (drained, all) = (drained.as_millis(), begun.elapsed().as_millis());
        eprintln!("{name}: {what}; drained in {drained} ms, ready after {all} ms");
        sleep(PAUSE).await;
    }
    Ok(())
}

/// The messages of the next release, as a client of it has them.
#[derive(Clone, PartialEq, prost::Message)]
struct HonourReq {
    #[prost(string, tag = "2")]
    title: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HonourRsp {
    #[prost(message, optional, tag = "1")]
    role: Option<Titled>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Titled {
    #[prost(string, tag = "9")]
    title: String,
}

static HONOUR: LazyLock<MethodDesc> = LazyLock::new(|| {
    let path = "/demo.role.Role/Honour";
    let id = path
        .bytes()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    MethodDesc { path, id, ..*RoleClient::RENAME.desc }
});

/// Calls the method that only the next release has, and sees the column in its answer.
async fn honour(player: &Player) -> Result<()> {
    let method = Method::<HonourReq, HonourRsp>::new(&HONOUR);
    let title = "the First".to_owned();
    let told = player.call(method, HonourReq { title: title.clone() }).await;
    let told = told.map_err(|status| anyhow::anyhow!("the next build is not there: {status}"))?;
    let role = told.role.unwrap_or_default();
    ensure!(role.title == title, "the new column holds `{}`", role.title);
    Ok(())
}
