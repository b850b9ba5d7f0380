//! Runs a scenario, each run with its own seed and a new runtime with virtual time.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use guildhall_core::Env;

use super::Sim;
use crate::Trace;

/// Environment variable with the only seed to run.
const SEED: &str = "GUILDHALL_SIM_SEED";

/// Environment variable with the number of seeds to run, instead of the tests' own numbers.
const SEEDS: &str = "GUILDHALL_SIM_SEEDS";

/// Longest run, in virtual time: a longer one waits for something that never happens.
const LASTS_MAX: Duration = Duration::from_secs(3_600);

/// Lines of the log that are printed when a seed fails.
const SHOWN: usize = 100;

/// The result of a scenario: `()`, or a `Result`.
pub trait Outcome {
    /// The reason of a failure; `None` for success.
    fn problem(self) -> Option<String>;
}

impl Outcome for () {
    fn problem(self) -> Option<String> {
        None
    }
}

impl<E: Debug> Outcome for Result<(), E> {
    fn problem(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}

/// Runs a scenario with the seeds from 1 to `seeds`, one after the other, in a plain `#[test]`. It stops at the first seed that
/// fails, by a panic or an error, and prints the seed, the command that repeats it, and the end of its log.
///
/// `GUILDHALL_SIM_SEED=123` runs that seed only, `GUILDHALL_SIM_SEEDS=1000` runs a thousand instead of `seeds`. `cargo test --
/// --nocapture` shows the number of seeds per second.
///
/// A seed repeats its run only if all randomness of the scenario comes from the seed: do not iterate over a `HashMap`, use only `biased`
/// `select!`, no threads, and no clock other than that of [`Env`](guildhall_core::Env).
///
/// # Examples
/// ```
/// # use guildhall::{Cx, Status};
/// # use proto::hello::{Greeter, GreeterClient, GreeterServer, HelloReq, HelloRsp};
/// # struct Hello;
/// # impl Greeter for Hello {
/// #     async fn say(&self, _cx: &Cx, req: HelloReq) -> Result<HelloRsp, Status> {
/// #         Ok(HelloRsp { text: format!("hello, {}", req.name) })
/// #     }
/// # }
/// use std::time::Duration;
///
/// use guildhall_testkit::sim::{self, Chaos};
///
/// sim::check(10, async |mut sim| {
///     sim.start("dev.w1.greeter.1", |app| app.serve(GreeterServer::new(Hello))).await?;
///     sim.start("dev.w1.caller.1", |app| app).await?;
///     sim.linked().await;
///
///     sim.chaos(&Chaos::among("dev.w1.greeter."), Duration::from_secs(30)).await;
///     sim.calm().await;
///
///     let cx = sim.cx("dev.w1.caller.1");
///     let reply = GreeterClient::new(&cx).say(HelloReq { name: "you".into() }).await?;
///     sim.log(&reply.text);
///     Ok::<(), Box<dyn std::error::Error>>(())
/// });
/// ```
///
/// # Panics
/// A seed fails.
pub fn check<R: Outcome>(seeds: u32, scenario: impl AsyncFn(Sim) -> R) {
    let only = set(SEED);
    let (first, last) = match only {
        Some(seed) => (seed, seed),
        None => (1, set(SEEDS).unwrap_or(u64::from(seeds))),
    };
    // The machine's: there is no runtime here whose time is paused.
    let clock = Env::real();
    let begun = clock.now();
    for seed in first..=last {
        let (trace, ended) = run(seed, &scenario);
        let problem = match ended {
            Ok(None) => continue,
            Ok(Some(problem)) => Err(problem),
            Err(panic) => Ok(panic),
        };
        let test = std::thread::current().name().unwrap_or("").to_owned();
        let lines = trace.map(|trace| trace.notes(SHOWN)).unwrap_or_default();
        say(&format!(
            "{}\nseed {seed} failed; to run it alone: {SEED}={seed} cargo test {test}",
            lines.join("\n")
        ));
        match problem {
            Err(problem) => panic!("seed {seed}: {problem}"),
            Ok(panic) => resume_unwind(panic),
        }
    }
    let (count, took) = (last.saturating_sub(first) + 1, (clock.now() - begun).as_secs_f64());
    let rate = count as f64 / took.max(0.001);
    say(&format!("{count} seeds in {took:.2} s: {rate:.1} seeds per second"));
}

/// Returns the first seed from 1 to `seeds` with which a scenario fails, to show that it detects what was broken on purpose.
pub fn first_failure<R: Outcome>(seeds: u32, scenario: impl AsyncFn(Sim) -> R) -> Option<u64> {
    let fails = |seed: &u64| !matches!(run(*seed, &scenario).1, Ok(None));
    (1..=u64::from(seeds)).find(fails)
}

/// Runs a scenario with one seed and returns its log, to compare it with another run.
///
/// # Panics
/// The scenario failed.
pub fn trace_of<R: Outcome>(seed: u64, scenario: impl AsyncFn(Sim) -> R) -> Trace {
    match run(seed, &scenario) {
        (Some(trace), Ok(None)) => trace,
        (_, Ok(problem)) => panic!("seed {seed}: {}", problem.unwrap_or_default()),
        (_, Err(panic)) => resume_unwind(panic),
    }
}

/// How a run has ended: well, with an error, or with a panic.
type Ended = std::thread::Result<Option<String>>;

fn run<R: Outcome>(seed: u64, scenario: &impl AsyncFn(Sim) -> R) -> (Option<Trace>, Ended) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let mut net = None;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let sim = Sim::new(seed);
            net = Some(sim.cluster.net.clone());
            let env = sim.cluster.env.clone();
            let end = env.now() + LASTS_MAX;
            match env.until(end, scenario(sim)).await {
                Some(outcome) => outcome.problem(),
                None => Some(format!("not done within {LASTS_MAX:?} of virtual time")),
            }
        })
    }));
    (net.map(|net| net.trace()), ended)
}

fn set(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={text}: it must be a number")))
}

#[allow(clippy::print_stderr, reason = "what a test prints is shown when it fails")]
fn say(text: &str) {
    eprintln!("{text}");
}
