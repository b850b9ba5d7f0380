//! Runs a game, a connector with two players, or both in one process.
//!
//! ```text
//! $ cargo run -p queues -- --architecture two-topics
//! $ cargo run -p queues -- game      --architecture queue-and-topic --events redis://127.0.0.1 --pushes redis://127.0.0.1
//! $ cargo run -p queues -- connector --architecture queue-and-topic --events redis://127.0.0.1 --pushes redis://127.0.0.1
//! ```
//!
//! With a server all URLs are the same. ZeroMQ has none: the queue of events is in the game, and topics are where they are published.
//!
//! ```text
//! $ cargo run -p queues -- game      --architecture queue-and-topic --events zeromq://127.0.0.1:7300 --pushes zeromq://127.0.0.1:7302
//! $ cargo run -p queues -- connector --architecture queue-and-topic --events 'zeromq://127.0.0.1:0?queues=127.0.0.1:7301' \
//!       --pushes 'zeromq://127.0.0.1:7310?peers=127.0.0.1:7302'
//! ```
//!
//! In `two-queues` and `queue-per-connector` the queue of pushes is in the connector, `--pushes zeromq://127.0.0.1:7310`; the game reaches
//! it at `'zeromq://127.0.0.1:0?queues=127.0.0.1:7311'`, which is its `--pushes` or the connector's `--reach`.

#![allow(clippy::print_stdout, reason = "an example prints what happens")]

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use queues::connector::Urls;
use queues::{Architecture, Connector, Game, Place};

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Role {
    /// Both in one process, which is all that `memory:` can.
    Both,
    Game,
    Connector,
}

#[derive(Parser)]
struct Flags {
    #[arg(value_enum, default_value = "both")]
    role: Role,
    #[arg(long, value_enum, default_value = "two-queues")]
    architecture: Architecture,
    /// The name of the connector.
    #[arg(long, default_value = "c1")]
    name: String,
    /// The backend of the events, as this process reaches it.
    #[arg(long, default_value = "memory:")]
    events: String,
    /// The backend of the pushes, as this process reaches it.
    #[arg(long, default_value = "memory:")]
    pushes: String,
    /// The same as the game reaches it, in `queue-per-connector`, where it is another URL.
    #[arg(long)]
    reach: Option<String>,
}

/// How long a player waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().init();
    let flags = Flags::parse();
    let place = Place::new()?;
    match flags.role {
        Role::Game => serve(&place, &flags).await,
        Role::Connector => play(&place, &flags).await,
        Role::Both => tokio::select! {
            served = serve(&place, &flags) => served,
            played = play(&place, &flags) => played,
        },
    }
}

async fn serve(place: &Place, flags: &Flags) -> Result<()> {
    let mut game = Game::start(place, flags.architecture, &flags.events, &flags.pushes).await?;
    loop {
        match game.step().await {
            Ok(event) => println!("game: {event:?}"),
            Err(error) => println!("game: refused: {error:#}"),
        }
    }
}

/// Two players say hello to each other and leave.
async fn play(place: &Place, flags: &Flags) -> Result<()> {
    let (events, pushes) = (flags.events.clone(), flags.pushes.clone());
    let urls =
        Urls { events, reach: flags.reach.clone().unwrap_or_else(|| pushes.clone()), pushes };
    let mut connector =
        Connector::start(place, flags.architecture, &flags.name, &urls, PATIENCE).await?;
    connector.connect("10.0.0.1:1", "ann").await?;
    connector.connect("10.0.0.1:2", "bob").await?;
    connector.message("10.0.0.1:1", "@bob hi").await?;
    connector.message("10.0.0.1:2", "@ann hi yourself").await?;
    for _ in 0..4 {
        let push = place.env.until(place.env.now() + PATIENCE, connector.push()).await;
        let (addr, text) = push.context("the game says nothing; is it running?")?;
        println!("connector: a client of {addr} gets `{text}`");
    }
    connector.close("10.0.0.1:1", false).await?;
    connector.close("10.0.0.1:2", true).await
}
