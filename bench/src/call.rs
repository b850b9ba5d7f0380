//! `bench -- call`: CPU of a remote call, both ends together, against tonic's unary call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::measure::{cpu, median, nanos_each};
use crate::remote::{self, Remote};
use crate::tonic::{self, Tonic};

const ROUNDS: usize = 7;
const WARM_UP: Duration = Duration::from_millis(200);
const MEASURED: Duration = Duration::from_millis(800);

/// Callers and servers of both share one thread, so that CPU per call is of both ends together.
pub(crate) async fn run() -> Result<()> {
    let ours = Arc::new(remote::start().await?);
    let theirs = Arc::new(tonic::start().await?);
    for in_flight in [64, 512] {
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let a = measure(in_flight, calls(&ours, Remote::call)).await?;
            let b = measure(in_flight, calls(&theirs, Tonic::call)).await?;
            println!(
                "in_flight={in_flight} ours_us={:.2} tonic_us={:.2} ratio={:.1}",
                a / 1e3,
                b / 1e3,
                b / a
            );
            ratios.push(b / a);
        }
        let (low, high) = ratios
            .iter()
            .fold((f64::MAX, 0.0_f64), |(low, high), &ratio| (low.min(ratio), high.max(ratio)));
        let median = median(ratios);
        println!("in_flight={in_flight} cpu_ratio median={median:.1} [{low:.1}-{high:.1}]");
    }
    Ok(())
}

/// A closure that makes one call after the other.
pub(crate) fn calls<T, Fut>(
    of: &Arc<T>,
    call: fn(&T) -> Fut,
) -> impl Fn() -> Fut + Clone + use<T, Fut> {
    let of = Arc::clone(of);
    move || call(&of)
}

/// CPU in nanoseconds per call, with `in_flight` callers in a loop.
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
    let before = cpu()?;
    let mut calls = 0;
    while let Some(caller) = callers.join_next().await {
        calls += caller??;
    }
    Ok(nanos_each(cpu()? - before, calls))
}
