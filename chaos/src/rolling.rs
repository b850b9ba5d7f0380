//! `chaos -- rolling`: the game is restarted under its players, one app after the other, and nobody notices.
//!
//! The hub, or the servers, stay: each is one process, and has no other that could serve meanwhile.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use demo::proto::role::RoleClient;
use guildhall::Method;
use guildhall::codegen::MethodDesc;
use tokio::time::sleep;

use crate::backends::On;
use crate::checker::{Verdict, check};
use crate::cluster::Shape;
use crate::game::{Game, in_folder, mint, write};
use crate::history::Outcome;
use crate::player::Player;
use crate::programs::Programs;
use crate::upheld::Upheld;

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
    /// What the game runs on: `hub`, or servers that are installed here, as `nats+postgres`. They stay.
    #[arg(long, default_value = "hub")]
    on: On,
    /// A folder that has `demo`, `guildhall-hub` and `guildhall` already: they are not built.
    #[arg(long)]
    programs: Option<PathBuf>,
    /// A folder that has the `demo`, `guildhall-hub` and `guildhall` of the later release already.
    #[arg(long)]
    next: Option<PathBuf>,
    /// The folder with all logs stays, also when all is well.
    #[arg(long)]
    keep: bool,
}

/// How long all play before the restarts, and after them.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs it, and prints the result as the last line.
pub(crate) async fn run(args: RollingArgs) -> Result<ExitCode> {
    in_folder(args.keep, |folder| async move { run_in(&folder, args).await }).await
}

async fn run_in(folder: &Path, args: RollingArgs) -> Result<u8> {
    let seed = args.seed.unwrap_or_else(|| guildhall::Env::real().random());
    println!("seed={seed}");
    let RollingArgs { roles, gates, set, on, .. } = args.clone();
    let programs = |given: &Option<PathBuf>, name: &str, features: &[&str]| {
        let to = folder.join(name);
        given.as_ref().map_or_else(|| Programs::build(&to, features), |at| Programs::take(at, &to))
    };
    let now = programs(&args.programs, "now", &[])?;
    let next = programs(&args.next, "next", &["next"])?;
    let shape = Shape { roles, gates, settings: set, login: false, on };
    let keys = folder.join("keys");
    let mint = mint(&keys)?;
    let upheld = Upheld::start(&shape, &now, folder, &keys).await?;
    let (gates, store) = (&upheld.gates, &upheld.store);
    let mut game = Game::begin(&mint, gates, store, args.players, args.pause_ms, seed).await?;
    let rolled = game.play(async {
        sleep(PAUSE).await;
        upheld.restart(&now).await?;
        upheld.restart(&next).await?;
        sleep(PAUSE).await;
        Ok(())
    });
    let rolled: Result<()> = rolled.await?;
    let is_next = match game.players.first() {
        Some(player) if rolled.is_ok() => honour(player).await,
        _ => Ok(()),
    };
    let ended = game.settle().await?;
    let over = upheld.end().await;
    let verdict = check(&ended.histories, &ended.finals, ended.at);
    let failed = verdict.unknown + verdict.not_run;
    let errors = [rolled.err(), is_next.err(), over.err()];
    let is_bad = failed > 0
        || ended.unserved > 0
        || verdict.is_broken()
        || ended.balance_error() != 0
        || errors.iter().any(Option::is_some);
    for error in errors.into_iter().flatten() {
        eprintln!("error: {error:#}");
    }
    let records = ended.histories.iter().flat_map(|history| &history.records);
    let failures = records.filter_map(|record| match &record.outcome {
        Outcome::Unknown(why) => Some((record, why.as_str())),
        Outcome::NotRun => Some((record, "it did not run, whenever it was asked for")),
        _ => None,
    });
    for (record, why) in failures.take(10) {
        let (at, took) = (record.begun, record.ended - record.begun);
        eprintln!("failed: {:?} at {at:?} after {took:?}: {why}", record.asked);
    }
    if is_bad || args.keep {
        write(folder, &ended.histories)?;
    }
    print(&verdict, failed, ended.balance_error());
    Ok(u8::from(is_bad))
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
    #[prost(string, tag = "8")]
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
