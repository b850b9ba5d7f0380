//! `chaos -- ownership`: whatever fails, each role has one owner whose writes count, and what is acked stays.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tokio::time::{Instant, sleep};

use crate::backends::On;
use crate::checker::{Verdict, check};
use crate::cluster::{Cluster, Shape};
use crate::faults::{self, Tally};
use crate::game::{Ended, Game, in_folder, mint, write};
use crate::measure::{Loss, Measures, measure};
use crate::plan::plan;
use crate::programs::BuildArgs;

/// What `ownership` is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct OwnershipArgs {
    /// How long everybody plays, in seconds.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    seconds: u64,
    /// What goes wrong when, and what players do. Default: a random one.
    #[arg(long)]
    seed: Option<u64>,
    /// How many play.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(2..=5_000))]
    players: u64,
    /// Apps that own roles.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=16))]
    roles: u32,
    /// Gates.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8))]
    gates: u32,
    /// Between what a player asks for and what it asks for next, in ms at most.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    pause_ms: u64,
    /// A setting of all apps: key=value.
    #[arg(long)]
    set: Vec<String>,
    #[command(flatten)]
    build: BuildArgs,
    /// What the game runs on: `hub`, or servers that are installed here, as `postgres`, `nats+postgres`, `etcd+redis`. The first
    /// grants leases, the last has the store.
    #[arg(long, default_value = "hub")]
    on: On,
    /// Nothing goes wrong.
    #[arg(long)]
    calm: bool,
    /// The folder with all logs stays, also when all is well.
    #[arg(long)]
    keep: bool,
}

/// What a move may take for who calls what moves.
const MOVE_MAX: Duration = Duration::from_secs(2);
/// What a takeover may take after the end of the lease. The pause of the player that asks comes on top (`--pause-ms`).
const TAKEOVER_MAX: Duration = Duration::from_millis(1_500);
/// `ownership.ttl_ms` where nobody says otherwise.
const TTL_MS: u64 = 5_000;

/// Runs it, and prints the result as the last line.
pub(crate) async fn run(args: OwnershipArgs) -> Result<ExitCode> {
    in_folder(args.keep, |folder| async move { run_in(&folder, args).await }).await
}

async fn run_in(folder: &Path, args: OwnershipArgs) -> Result<u8> {
    let seed = args.seed.unwrap_or_else(|| guildhall::Env::real().random());
    println!("seed={seed}");
    let OwnershipArgs { roles, gates, set, on, .. } = args.clone();
    let shape = Shape { roles, gates, settings: set, login: false, on };
    let programs = args.build.programs(&folder.join("bin"))?;
    let keys = folder.join("keys");
    let mint = mint(&keys)?;
    let cluster = Arc::new(Cluster::start(&shape, &programs, folder, &keys).await?);
    let (gates, store) = (&cluster.gates, &cluster.store);
    let mut game = Game::begin(&mint, gates, store, args.players, args.pause_ms, seed).await?;
    eprintln!("{} players are in the game; {} s of chaos begin", args.players, args.seconds);
    let time = Duration::from_secs(args.seconds);
    let begun = Instant::now();
    let tally = Arc::new(Tally::new(folder, begun, game.world.begun)?);
    let events = if args.calm { Vec::new() } else { plan(seed, time, &cluster.cast) };
    let watch = tokio::spawn(faults::watch(Arc::clone(&cluster), Arc::clone(&tally)));
    let (all, made) = (Arc::clone(&cluster), Arc::clone(&tally));
    let faults = tokio::spawn(async move { faults::run(&all, events, &made).await });
    game.play(sleep(time)).await?;
    faults.await?;
    cluster.ready().await?;
    eprintln!("all is well again; everybody looks once more");
    let ended = game.settle().await?;
    watch.abort();
    let _aborted = watch.await;
    cluster.end().await;
    let verdict = check(&ended.histories, &ended.finals, ended.at);
    let measures = measure(&ended.histories, &tally.windows.lock());
    let code = judge(&args, &verdict, &measures, &ended, &tally);
    if code != 0 || args.keep {
        write(folder, &ended.histories)?;
    }
    print(&verdict, &measures, &ended, &tally);
    Ok(code)
}

fn print(verdict: &Verdict, measures: &Measures, ended: &Ended, tally: &Tally) {
    for why in &verdict.explained {
        eprintln!("{why}");
    }
    let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    let takeover = |(loss, (took, _)): (&Loss, &(Duration, String))| {
        format!("{}={}", loss.name(), took.as_millis())
    };
    let takeovers: Vec<String> = measures.takeovers.iter().map(takeover).collect();
    let Verdict { acked, unknown, not_run, refused, repeats, stale_reads, .. } = verdict;
    println!(
        "unknown={unknown} not_run={not_run} refused={refused} retried={repeats} delays={} ended_by_themselves={} unserved={} stale_reads={stale_reads} takeover_ms=[{}] usual_p99_ms={} moving_p99_ms={} moving_max_ms={} moving_calls={}",
        count(&tally.delays),
        count(&tally.ends),
        ended.unserved,
        takeovers.join(" "),
        measures.usual_p99.as_millis(),
        measures.moving_p99.as_millis(),
        measures.moving_max.as_millis(),
        measures.moving,
    );
    println!(
        "acked={acked} kills={} stops={} cuts={} moves={} lost={} duplicated={} stale_writes_accepted={} balance_error={} max_unavailable_ms={}",
        count(&tally.kills),
        count(&tally.stops),
        count(&tally.cuts),
        count(&tally.moves),
        verdict.lost,
        verdict.duplicated,
        verdict.stale_writes,
        ended.balance_error(),
        verdict.unavailable.as_millis(),
    );
}

/// 1: a promise was broken. 2: too little has happened to say so.
fn judge(
    args: &OwnershipArgs,
    verdict: &Verdict,
    measures: &Measures,
    ended: &Ended,
    tally: &Tally,
) -> u8 {
    let mut few = Vec::new();
    let owed = args.players * args.seconds;
    if verdict.acked < owed {
        few.push(format!(
            "{} acked, where {owed} were to be: one per player and second",
            verdict.acked
        ));
    }
    if !args.calm && tally.faults() < args.seconds / 6 {
        few.push(format!("{} faults are less than one in 6 s", tally.faults()));
    }
    if !verdict.silent.is_empty() {
        few.push(format!("nothing was ever acked to {}", verdict.silent.join(", ")));
    }
    for why in &few {
        eprintln!("too little: {why}");
    }
    if ended.unserved > 0 {
        eprintln!("{} players are not served any more", ended.unserved);
    }
    let late = late(args, measures);
    for why in &late {
        eprintln!("{why}");
    }
    let is_broken =
        verdict.is_broken() || ended.balance_error() != 0 || ended.unserved > 0 || !late.is_empty();
    match (is_broken, few.is_empty()) {
        (true, _) => 1,
        (false, false) => 2,
        (false, true) => 0,
    }
}

/// What took longer than it may.
fn late(args: &OwnershipArgs, measures: &Measures) -> Vec<String> {
    let mut late = Vec::new();
    let set = args.set.iter().rev().find_map(|set| set.strip_prefix("ownership.ttl_ms="));
    let ttl = Duration::from_millis(set.and_then(|ms| ms.parse().ok()).unwrap_or(TTL_MS));
    let Measures { takeovers, moving_max, .. } = measures;
    let asks = Duration::from_millis(args.pause_ms);
    for (loss, (took, last)) in takeovers {
        let max = (ttl + TAKEOVER_MAX) * loss.leases() + asks;
        if *took > max {
            late.push(format!(
                "{last} was served {took:?} after {}, more than {max:?}",
                loss.name()
            ));
        }
    }
    if *moving_max > MOVE_MAX {
        late.push(format!("a call to what moved took {moving_max:?}"));
    }
    late
}
