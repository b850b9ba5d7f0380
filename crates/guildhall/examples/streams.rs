//! Byte streams: an edge accepts client connections and forwards their bytes to the game, one stream per client.
//!
//! ```text
//! cargo run -p guildhall --example streams
//! ```
//!
//! Output:
//!
//!     ann: welcome, ann
//!     bob: welcome, bob
//!     the game saw 2 streams from dev.w1.edge.1

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::env::ConnIo;
use guildhall::{App, AppId, Config, Cx, Env, Stream};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

// ANCHOR: streams
/// The game: answers one line per stream.
async fn play(stream: Stream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut name = String::new();
    stream.read_line(&mut name).await?;
    stream.write_all(format!("welcome, {name}").as_bytes()).await?;
    stream.shutdown().await
}

/// The edge: opens a stream to the game for each client and copies bytes in both directions.
async fn pass_on(cx: &Cx, game: &AppId, mut client: ConnIo) -> Outcome {
    let mut stream = cx.open_stream(game, "play").await?;
    tokio::io::copy_bidirectional(&mut client, &mut stream).await?;
    Ok(())
}
// ANCHOR_END: streams

/// A client: sends its name and disconnects after the welcome.
async fn join(client: ConnIo, name: &str) -> std::io::Result<String> {
    let mut client = BufReader::new(client);
    client.write_all(format!("{name}\n").as_bytes()).await?;
    let mut welcome = String::new();
    client.read_line(&mut welcome).await?;
    Ok(welcome)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let config =
        |id: &str| Config::builder().set("app.id", id).set("link.listen", "127.0.0.1:0").build();
    let seen = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&seen);
    let game = App::with(config("dev.w1.game.1")?).discovery(discovery.clone());
    let game = game.on_stream("play", move |cx, stream| {
        let counted = Arc::clone(&counted);
        async move {
            if cx.caller().is_some_and(|caller| caller.func() == "edge") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            let _client_left = play(stream).await;
        }
    });
    let game = game.start().await?;
    let edge = App::with(config("dev.w1.edge.1")?).discovery(discovery).start().await?;
    let mut changes = edge.cx().mesh_changes();
    while edge.cx().nodes().len() < 2 {
        changes.changed().await;
    }

    let (cx, target) = (edge.cx(), game.cx().app_id().clone());
    let env = cx.env();
    let listener = env.net().bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    for name in ["ann", "bob"] {
        let client = ConnIo::new(env.net().connect(&address).await?);
        let accepted = ConnIo::new((listener.accept().await?.attach)()?);
        let (passed, welcome) = tokio::join!(pass_on(&cx, &target, accepted), join(client, name));
        passed?;
        print!("{name}: {}", welcome?);
    }
    println!("the game saw {} streams from dev.w1.edge.1", seen.load(Ordering::Relaxed));
    edge.shutdown().await;
    game.shutdown().await;
    Ok(())
}
