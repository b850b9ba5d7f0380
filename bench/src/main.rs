//! What calls cost, measured beside what others cost.
//!
//! - `bench -- call`: CPU of a remote call against tonic's unary call, in alternating rounds.
//! - `bench -- actors`: local calls, tells, activation and idle actors against ractor, kameo, actix and a bare channel.
//! - `bench -- count remote|actor|activation CALLS`: makes that many calls, for tools that count instructions.
//! - `bench -- store [NAME..]`: entities saved per second and the time of a durable call, on redb and on vendors' servers.
//! - `bench -- idle NAME ACTORS`: bytes of an idle actor of one of them, in a process of its own.
#![allow(clippy::print_stdout, reason = "a benchmark reports")]
#![allow(clippy::disallowed_methods, reason = "it measures the real world")]

mod measure;
mod remote;
mod tonic;
mod call;
mod count;
mod actors;
mod store;

use std::mem::ManuallyDrop;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // Never dropped: what ends tasks and actors with the process is not measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let runtime = ManuallyDrop::new(runtime);
    // actix spawns its actors locally.
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, run(&args))
}

async fn run(args: &[String]) -> Result<ExitCode> {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["call"] => call::run().await?,
        ["actors"] => return actors::run().await,
        ["store", ref names @ ..] => store::run(names).await?,
        ["idle", name, actors] => actors::idle(name, actors.parse()?).await?,
        ["count", "remote", n] => {
            let remote = Arc::new(remote::start().await?);
            count::run(n.parse()?, call::calls(&remote, remote::Remote::call)).await?;
        }
        ["count", "actor", n] => {
            let ours = Arc::new(actors::guildhall::start(1).await?);
            count::run(n.parse()?, call::calls(&ours, actors::guildhall::Guildhall::call_one))
                .await?;
        }
        ["count", "activation", n] => {
            let ours = Arc::new(actors::guildhall::start(1).await?);
            let fresh = actors::guildhall::Guildhall::call_fresh;
            count::run(n.parse()?, call::calls(&ours, fresh)).await?;
        }
        _ => bail!(
            "usage: cargo run --release -p bench -- call | actors | count remote|actor|activation CALLS | store [NAME..] | idle NAME ACTORS"
        ),
    }
    Ok(ExitCode::SUCCESS)
}
