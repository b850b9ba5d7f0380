//! `chaos -- memory`: what the whole game in one process keeps in memory, with all its players, and while passwords are hashed.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use guildhall_testkit::process::free_addresses;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::game::in_folder;
use crate::program::Program;
use crate::programs::BuildArgs;

/// What `memory` is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct MemoryArgs {
    /// How many play.
    #[arg(long, default_value_t = 1000)]
    players: u32,
    /// How long they play, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many log in at the same time, three times.
    #[arg(long, default_value_t = 600)]
    logins: usize,
    /// The most that the process may have in memory, in MB of 1,000,000 bytes.
    #[arg(long, default_value_t = 150)]
    max_mb: u64,
    #[command(flatten)]
    build: BuildArgs,
    /// The folder with all logs stays, also when all is well.
    #[arg(long)]
    keep: bool,
}

/// How long the game may take to start, and an answer to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// Accounts that are made at a time.
const AT_A_TIME: usize = 16;

/// Runs it, and prints the result as the last line.
pub(crate) async fn run(args: MemoryArgs) -> Result<ExitCode> {
    in_folder(args.keep, |folder| async move { run_in(&folder, args).await }).await
}

async fn run_in(folder: &Path, args: MemoryArgs) -> Result<u8> {
    let demo = args.build.programs(&folder.join("bin"))?.demo;
    let mut peaks = Vec::new();
    for name in ["players", "logins"] {
        let place = folder.join(name);
        std::fs::create_dir_all(&place).context("make a folder")?;
        let [login, gate, web] = free_addresses();
        let settings = vec![
            format!("--set=login.listen={login}"),
            format!("--set=gate.tcp={gate}"),
            format!("--set=gate.websocket={web}"),
            "--set=admin.listen=127.0.0.1:0".into(),
        ];
        let mut process = Program::new(name, demo.clone(), settings.clone(), place.clone());
        process.start()?;
        process.ready(PATIENCE).await?;
        let id = process.id().context("it runs")?;
        match name {
            "players" => play(&demo, settings, &place, &args).await?,
            _ => log_in(&login, args.logins).await?,
        }
        let (peak, now) = (memory_mb(id, "VmHWM:")?, memory_mb(id, "VmRSS:")?);
        eprintln!("{name}: {peak} MB at most, {now} MB at the end");
        process.drain(PATIENCE).await?;
        peaks.push(peak);
    }
    let is_ok = peaks.iter().all(|peak| *peak <= args.max_mb);
    let [players, logins] = peaks[..] else { return Ok(1) };
    println!("players={players} MB, logins={logins} MB, max={} MB", args.max_mb);
    Ok(u8::from(!is_ok))
}

async fn play(demo: &Path, settings: Vec<String>, folder: &Path, args: &MemoryArgs) -> Result<()> {
    let mut bots = Command::new(demo);
    bots.args(settings).arg("bots");
    bots.arg(format!("--players={}", args.players)).arg(format!("--seconds={}", args.seconds));
    bots.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let status = bots.status().await.context("start the bots")?;
    ensure!(status.success(), "the bots say that something is wrong: {status}");
    Ok(())
}

async fn log_in(login: &str, count: usize) -> Result<()> {
    let made = (0..count).map(|number| post(login, "/register", number));
    let made: Vec<_> = stream::iter(made).buffer_unordered(AT_A_TIME).collect().await;
    for code in made {
        ensure!(code? == 201, "an account was not made");
    }
    for round in 1..=3 {
        let codes = join_all((0..count).map(|number| post(login, "/login", number))).await;
        let codes: Vec<u16> = codes.into_iter().collect::<Result<_>>()?;
        let of = |wanted: u16| codes.iter().filter(|code| **code == wanted).count();
        eprintln!("round {round}: {} logged in, {} refused as too many", of(200), of(429));
        ensure!(of(200) > 0 && of(200) + of(429) == count, "other answers: {codes:?}");
    }
    Ok(())
}

/// The code of the answer.
async fn post(login: &str, path: &str, number: usize) -> Result<u16> {
    let body = format!(r#"{{"account":"player-{number}","password":"password-{number}"}}"#);
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {login}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let answer = async {
        let mut stream = TcpStream::connect(login).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(PATIENCE, answer).await.context("no answer")??;
    answer.get(9..12).and_then(|code| code.parse().ok()).context("no HTTP code")
}

/// A line of the process's status, which is in KiB, in MB of 1,000,000 bytes.
fn memory_mb(id: u64, key: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).context("/proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).context("no such line")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("no number")?;
    Ok((kib * 1024).div_ceil(1_000_000))
}
