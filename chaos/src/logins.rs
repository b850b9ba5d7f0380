//! `chaos -- logins`: how long an honest login takes while the login server is attacked, against how long it takes otherwise, in turns.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use guildhall_testkit::process::free_addresses;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::game::in_folder;
use crate::program::Program;
use crate::programs::BuildArgs;

/// What `logins` is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct LoginsArgs {
    /// Honest logins that are measured under attack, and as many without.
    #[arg(long, default_value_t = 200)]
    logins: usize,
    /// Connections that say nothing, have asked once and fall silent, or drip the head of a request.
    #[arg(long, default_value_t = 1100)]
    silent: usize,
    /// Connections that guess names and passwords as fast as they are answered.
    #[arg(long, default_value_t = 300)]
    guessing: usize,
    /// How many times as long the p99 may be under attack.
    #[arg(long, default_value_t = 2.0)]
    max_ratio: f64,
    #[command(flatten)]
    build: BuildArgs,
    /// The folder with all logs stays, also when all is well.
    #[arg(long)]
    keep: bool,
}

/// How long the game may take to start, and an answer to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// Honest logins in a row, with or without an attack.
const TURN: usize = 20;
const ACCOUNT: (&str, &str) = ("ada", "correct horse");

/// Runs it, and prints the result as the last line.
pub(crate) async fn run(args: LoginsArgs) -> Result<ExitCode> {
    in_folder(args.keep, |folder| async move { run_in(&folder, args).await }).await
}

async fn run_in(folder: &Path, args: LoginsArgs) -> Result<u8> {
    let demo = args.build.programs(&folder.join("bin"))?.demo;
    let [login, gate, web] = free_addresses();
    let settings = vec![
        format!("--set=login.listen={login}"),
        format!("--set=gate.tcp={gate}"),
        format!("--set=gate.websocket={web}"),
        "--set=admin.listen=127.0.0.1:0".into(),
    ];
    let mut process = Program::new("demo", demo, settings, folder.to_owned());
    process.start()?;
    process.ready(PATIENCE).await?;
    let honest = Arc::new(Honest { login: login.clone() });
    ensure!(honest.ask("/register", 1).await?.1 == [201], "the account was not made");
    // What the first logins cost is no attack's doing.
    honest.ask("/login", TURN).await?;
    let (mut alone, mut attacked) = (Vec::new(), Vec::new());
    let mut guesses = 0;
    while attacked.len() < args.logins {
        alone.extend(honest.log_in().await?);
        let attack = Attack::start(&login, &args).await?;
        attacked.extend(honest.log_in().await?);
        guesses += attack.end().await;
    }
    process.drain(PATIENCE).await?;
    let (alone, attacked) = (Percentiles::of(alone), Percentiles::of(attacked));
    let ratio = attacked.p99.as_secs_f64() / alone.p99.as_secs_f64();
    println!("without: {alone}; under attack: {attacked}; guesses={guesses}");
    println!("p99_ratio={ratio:.2} max={:.2}", args.max_ratio);
    Ok(u8::from(ratio > args.max_ratio))
}

/// A player who logs in again and again.
struct Honest {
    login: String,
}

impl Honest {
    /// How long each login of a turn takes.
    async fn log_in(self: &Arc<Self>) -> Result<Vec<Duration>> {
        let (times, codes) = self.ask("/login", TURN).await?;
        ensure!(codes.iter().all(|code| *code == 200), "an honest login was refused: {codes:?}");
        Ok(times)
    }

    /// On a thread of its own, so that those who attack from this process cost only what they cost the server.
    async fn ask(
        self: &Arc<Self>,
        path: &'static str,
        count: usize,
    ) -> Result<(Vec<Duration>, Vec<u16>)> {
        let honest = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let (mut times, mut codes) = (Vec::new(), Vec::new());
            for _ in 0..count {
                let begin = Instant::now();
                codes.push(honest.once(path)?);
                times.push(begin.elapsed());
            }
            anyhow::Ok((times, codes))
        });
        asked.await?
    }

    fn once(&self, path: &str) -> Result<u16> {
        let mut stream = std::net::TcpStream::connect(&self.login).context("connect")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request(path, ACCOUNT, "Connection: close\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("no answer")?;
        answer.get(9..12).and_then(|code| code.parse().ok()).context("no HTTP code")
    }
}

fn request(path: &str, (account, password): (&str, &str), headers: &str) -> String {
    let body = format!(r#"{{"account":"{account}","password":"{password}"}}"#);
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

/// All that an attacker of one address can do at once.
struct Attack {
    tasks: JoinSet<()>,
    over: Arc<AtomicBool>,
    guesses: Arc<AtomicU32>,
}

impl Attack {
    /// Begins, and waits until it is in full swing.
    async fn start(login: &str, args: &LoginsArgs) -> Result<Self> {
        let mut attack =
            Self { tasks: JoinSet::new(), over: Arc::default(), guesses: Arc::default() };
        let mut silent = Vec::new();
        for number in 0..args.silent {
            let mut stream = TcpStream::connect(login).await.context("connect")?;
            match number % 3 {
                0 => {}
                1 => stream.write_all(b"GET /keys HTTP/1.1\r\n\r\n").await?,
                _ => stream.write_all(b"GET /keys HTTP/1.1\r\nX: ").await?,
            }
            silent.push(stream);
        }
        let over = Arc::clone(&attack.over);
        attack.tasks.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                for stream in silent.iter_mut().skip(2).step_by(3) {
                    let _closed = stream.try_write(b"x");
                }
                sleep(Duration::from_millis(500)).await;
            }
        });
        for attacker in 0..args.guessing {
            let (over, guesses) = (Arc::clone(&attack.over), Arc::clone(&attack.guesses));
            attack.tasks.spawn(guess(login.to_owned(), attacker, over, guesses));
        }
        let answered = async {
            while (attack.guesses.load(Ordering::Relaxed) as usize) < args.guessing {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, answered).await.context("guesses are not answered")?;
        Ok(attack)
    }

    /// Ends it, and waits until the server has nothing to do for it any more; how many guesses were answered.
    async fn end(mut self) -> u32 {
        self.over.store(true, Ordering::Relaxed);
        self.tasks.shutdown().await;
        sleep(Duration::from_secs(1)).await;
        self.guesses.load(Ordering::Relaxed)
    }
}

/// Guesses names and passwords as they come to mind, over connections that it keeps for as long as it may.
async fn guess(login: String, attacker: usize, over: Arc<AtomicBool>, guesses: Arc<AtomicU32>) {
    let mut round = 0;
    while !over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(&login).await else { continue };
        let account = format!("name-{attacker}-{round}");
        let guess = request("/login", (&account, "password"), "");
        let mut answer = [0; 4096];
        while stream.write_all(guess.as_bytes()).await.is_ok()
            && stream.read(&mut answer).await.is_ok_and(|read| read > 0)
        {
            guesses.fetch_add(1, Ordering::Relaxed);
        }
        round += 1;
    }
}

struct Percentiles {
    count: usize,
    p50: Duration,
    p99: Duration,
    max: Duration,
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
        Self { count: times.len(), p50: at(50), p99: at(99), max: at(100) }
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, p50, p99, max } = self;
        write!(f, "logins={count} p50={p50:.1?} p99={p99:.1?} max={max:.1?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_hundred_times_the_p99_leaves_two_out() {
        let times = (1..=200).map(Duration::from_millis).collect();
        let Percentiles { count, p50, p99, max } = Percentiles::of(times);
        let ms = Duration::from_millis;
        assert_eq!((count, p50, p99, max), (200, ms(100), ms(198), ms(200)));
    }
}
