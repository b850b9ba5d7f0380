//! `bench -- call`: CPU per call of ours and of tonic's unary, interleaved, so that the machine's other work hits both.
//! `bench -- count remote|actor CALLS`: makes that many calls of ours, over a link or to an actor of the same app, no more and no
//! less, for tools that count instructions.
#![allow(clippy::print_stdout, reason = "a benchmark reports")]
#![allow(clippy::disallowed_methods, reason = "it measures the real world")]

mod actor;
mod ours;
mod theirs;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actor::Local;
use anyhow::{Result, bail};
use ours::Ours;
use theirs::Theirs;

const ROUNDS: usize = 7;
const WARM_UP: Duration = Duration::from_millis(200);
const MEASURED: Duration = Duration::from_millis(800);
const PAYLOAD: [u8; 64] = [7; 64];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["call"] => runtime.block_on(call()),
        ["count", "remote", n] => runtime.block_on(async {
            count(n.parse()?, calls(&Arc::new(ours::start().await?), Ours::call)).await
        }),
        ["count", "actor", n] => runtime.block_on(async {
            count(n.parse()?, calls(&Arc::new(actor::start().await?), Local::call)).await
        }),
        _ => bail!("usage: cargo run --release -p bench -- call | count remote|actor CALLS"),
    }
}

/// Makes calls, 64 at a time.
async fn count<F, Fut>(calls: u64, call: F) -> Result<()>
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let call = call.clone();
        callers.spawn(async move {
            for _ in 0..calls / 64 {
                call().await?;
            }
            Ok::<(), anyhow::Error>(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    Ok(())
}

/// Callers and servers of both share one thread, so that CPU per call is of both ends together.
async fn call() -> Result<()> {
    let ours = Arc::new(ours::start().await?);
    let theirs = Arc::new(theirs::start().await?);
    for in_flight in [64, 512] {
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let a = measure(in_flight, calls(&ours, Ours::call)).await?;
            let b = measure(in_flight, calls(&theirs, Theirs::call)).await?;
            println!("in_flight={in_flight} ours_us={a:.2} tonic_us={b:.2} ratio={:.1}", b / a);
            ratios.push(b / a);
        }
        ratios.sort_by(f64::total_cmp);
        let (low, median, high) = (ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
        println!("in_flight={in_flight} cpu_ratio median={median:.1} [{low:.1}-{high:.1}]");
    }
    Ok(())
}

/// A closure that makes one call after the other.
fn calls<T, Fut>(of: &Arc<T>, call: fn(&T) -> Fut) -> impl Fn() -> Fut + Clone + use<T, Fut> {
    let of = Arc::clone(of);
    move || call(&of)
}

/// CPU in microseconds per call, with `in_flight` callers in a loop.
async fn measure<F, Fut>(in_flight: usize, call: F) -> Result<f64>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<()>> + Send + 'static,
    F: Clone + Send + 'static,
{
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    let (counted, end) = (start + WARM_UP, start + WARM_UP + MEASURED);
    for _ in 0..in_flight {
        let call = call.clone();
        callers.spawn(async move {
            let mut calls = 0u64;
            loop {
                call().await?;
                let now = Instant::now();
                calls += u64::from(now >= counted);
                if now >= end {
                    return Ok::<u64, anyhow::Error>(calls);
                }
            }
        });
    }
    tokio::time::sleep_until(counted.into()).await;
    let before = cpu_seconds()?;
    let mut calls = 0;
    while let Some(caller) = callers.join_next().await {
        calls += caller??;
    }
    #[allow(clippy::cast_precision_loss, reason = "counts of a second")]
    Ok((cpu_seconds()? - before) * 1e6 / calls as f64)
}

/// CPU time of all threads of this process.
fn cpu_seconds() -> Result<f64> {
    let mut nanos = 0u64;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += text.split_whitespace().next().unwrap_or("0").parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos).as_secs_f64())
}
