//! `bench -- actors`: what local actors cost, ours and others', in rounds that alternate between all of them.
//!
//! All run on one thread and answer the same: a request with a number, a reply with a number. CPU time is what is measured, of callers
//! and actors together. Others hold their actors by handle; ours finds its actor by key in each call, as that is what a call is.

mod contender;
mod actix;
mod channel;
pub(crate) mod guildhall;
mod kameo;
mod ractor;
mod table;

use std::process::{Command, ExitCode};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};

use crate::count;
use crate::measure::{cpu, nanos_each};

use self::actix::Actix;
use self::channel::Channel;
use self::contender::{ACTORS, CALLERS, Contender, Round, TELLS};
use self::guildhall::Guildhall;
use self::kameo::Kameo;
use self::ractor::Ractor;
use table::Table;

const ROUNDS: usize = 7;
/// Calls, and tells, of a round.
const OPERATIONS: usize = 256_000;
/// Actors that a round activates.
const FRESH: usize = 20_000;
/// Idle actors whose memory is measured.
const IDLE: usize = 100_000;

/// Measures all, prints the table, and fails where a floor is missed.
pub(crate) async fn run() -> Result<ExitCode> {
    let ours = Arc::new(Guildhall::start(ACTORS).await?);
    let (ractor, kameo) =
        (Arc::new(Ractor::start(ACTORS).await?), Arc::new(Kameo::start(ACTORS).await?));
    let (actix, channel) =
        (Arc::new(Actix::start(ACTORS).await?), Arc::new(Channel::start(ACTORS).await?));
    let mut table = Table::default();
    for number in 0..ROUNDS {
        table.add(round(&ours, number).await?);
        table.add(round(&ractor, number).await?);
        table.add(round(&kameo, number).await?);
        table.add(round(&actix, number).await?);
        table.add(round(&channel, number).await?);
    }
    for name in [Guildhall::NAME, Ractor::NAME, Kameo::NAME, Actix::NAME, Channel::NAME] {
        table.idle(name, idle_elsewhere(name)?);
    }
    let instructions = count::instructions("actor")?;
    Ok(match table.print(instructions) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn round<C: Contender>(of: &Arc<C>, number: usize) -> Result<Round> {
    // Also warms up: it is what the round before has left cold.
    run_callers(of, OPERATIONS / 8, calls::<C>, ACTORS).await?;
    Ok(Round {
        name: C::NAME,
        calls: [
            run_callers(of, OPERATIONS, calls::<C>, 1).await?,
            run_callers(of, OPERATIONS, calls::<C>, ACTORS).await?,
        ],
        tells: [told(of, 1).await?, told(of, ACTORS).await?],
        activation: activation(of, ACTORS + number * FRESH).await?,
    })
}

/// CPU nanoseconds of an operation, of which the callers make `operations` together, on `actors` actors in turn.
async fn run_callers<C: Contender, F>(
    of: &Arc<C>,
    operations: usize,
    caller: fn(Arc<C>, usize, usize, usize) -> F,
    actors: usize,
) -> Result<f64>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let before = cpu()?;
    let callers: Vec<_> = (0..CALLERS)
        .map(|at| C::spawn(caller(Arc::clone(of), at, operations / CALLERS, actors)))
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(nanos_each(cpu()? - before, operations as u64))
}

/// The actors that a caller uses, one after the other, no two callers in step.
fn in_turn(caller: usize, actors: usize) -> impl Iterator<Item = usize> {
    (0..).map(move |n: usize| (caller * 157 + n * 7_919) % actors)
}

async fn calls<C: Contender>(of: Arc<C>, caller: usize, calls: usize, actors: usize) -> Result<()> {
    for actor in in_turn(caller, actors).take(calls) {
        ensure!(of.call(actor, 7).await? >= 7, "a wrong reply");
    }
    Ok(())
}

async fn tells<C: Contender>(of: Arc<C>, caller: usize, tells: usize, actors: usize) -> Result<()> {
    for (n, actor) in in_turn(caller, actors).take(tells).enumerate() {
        of.tell(actor, 1).await?;
        if n % TELLS == TELLS - 1 {
            of.call(actor, 0).await?;
        }
    }
    Ok(())
}

/// As [`run_callers`], of tells; each must have arrived.
async fn told<C: Contender>(of: &Arc<C>, actors: usize) -> Result<f64> {
    let before = sum(of, actors).await?;
    let nanos = run_callers(of, OPERATIONS, tells::<C>, actors).await?;
    let arrived = sum(of, actors).await? - before;
    ensure!(arrived == OPERATIONS as u64, "{}: {arrived} of {OPERATIONS} arrived", C::NAME);
    Ok(nanos)
}

async fn sum<C: Contender>(of: &Arc<C>, actors: usize) -> Result<u64> {
    let mut sum = 0;
    for actor in 0..actors {
        sum += of.call(actor, 0).await?;
    }
    Ok(sum)
}

/// CPU nanoseconds until an actor that was not there has answered.
async fn activation<C: Contender>(of: &Arc<C>, from: usize) -> Result<f64> {
    let before = cpu()?;
    let callers: Vec<_> = (0..CALLERS)
        .map(|at| {
            let of = Arc::clone(of);
            C::spawn(async move {
                let mut kept = Vec::new();
                for number in (from..from + FRESH).skip(at).step_by(CALLERS) {
                    kept.push(of.activate(number).await?);
                }
                Ok::<_, anyhow::Error>(kept)
            })
        })
        .collect();
    let mut kept = Vec::new();
    for caller in callers {
        kept.extend(caller.await??);
    }
    let nanos = nanos_each(cpu()? - before, FRESH as u64);
    kept.into_iter().for_each(|actor| of.end(actor));
    // What ends them runs now, and not in what is measured next.
    for _ in 0..FRESH / CALLERS {
        tokio::task::yield_now().await;
    }
    Ok(nanos)
}

/// Prints the bytes of an idle actor.
pub(crate) async fn idle(name: &str, actors: usize) -> Result<()> {
    let bytes = match name {
        Guildhall::NAME => idle_here::<Guildhall>(actors).await?,
        Ractor::NAME => idle_here::<Ractor>(actors).await?,
        Kameo::NAME => idle_here::<Kameo>(actors).await?,
        Actix::NAME => idle_here::<Actix>(actors).await?,
        Channel::NAME => idle_here::<Channel>(actors).await?,
        _ => bail!("no such kind of actors: {name}"),
    };
    println!("{bytes}");
    Ok(())
}

/// Memory of actors that were called once each, with what keeps them.
async fn idle_here<C: Contender>(actors: usize) -> Result<usize> {
    const WARM: usize = 1_000;
    let of = C::start(1).await?;
    let mut kept = Vec::with_capacity(WARM + actors);
    for number in 0..WARM {
        kept.push(of.activate(1 + number).await?);
    }
    let before = resident()?;
    for number in 0..actors {
        kept.push(of.activate(1 + WARM + number).await?);
    }
    tokio::task::yield_now().await;
    Ok((resident()? - before) / actors)
}

/// As [`idle`], in a process of its own, whose memory nothing else has used.
fn idle_elsewhere(name: &str) -> Result<usize> {
    let mut other = Command::new(std::env::current_exe()?);
    let ran = other.args(["idle", name, &IDLE.to_string()]).output()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    let failed = || format!("{name}: {said}{}", String::from_utf8_lossy(&ran.stderr));
    said.trim().parse().with_context(failed)
}

/// Bytes of memory that this process has in use.
fn resident() -> Result<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let resident = pages.split_whitespace().nth(1).context("statm has its second number")?;
    Ok(resident.parse::<usize>()? * 4096)
}
