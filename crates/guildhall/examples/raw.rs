//! Raw casts: bytes with a 16-bit command to one app, by logic address or id, for games with a codec of their own.
//!
//! ```text
//! cargo run -p guildhall --example raw
//! ```
//!
//! Output:
//!
//!     game 1.2.1 got `ping` from dev.w1.game.2
//!     game 1.2.2 got `ping, too` from dev.w1.game.1

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::{App, Config, Env, LogicAddr};
use tokio::sync::mpsc;

/// The commands of this game.
const PING: u16 = 7;
const PONG: u16 = 8;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    let (report, mut over) = mpsc::channel(1);
    // `app.worlds` and `app.funcs` map names to numbers: `dev.w1.game.1` has the logic address 1.2.1.
    let config = |id: &str| {
        let config = Config::builder().set("app.id", id).set("link.listen", "127.0.0.1:0");
        config.set("app.worlds.w1", 1).set("app.funcs.game", 2).build()
    };
    // ANCHOR: raw
    let one = App::with(config("dev.w1.game.1")?).discovery(discovery.clone()).on_raw(
        PING,
        |cx, from, bytes| async move {
            println!("game 1.2.1 got `{}` from {from}", text(&bytes));
            if let Err(status) = cx.raw_cast(&from, PONG, [&bytes[..], b", too"].concat()) {
                println!("no answer: {status}");
            }
        },
    );
    let two = App::with(config("dev.w1.game.2")?).discovery(discovery).on_raw(
        PONG,
        move |_cx, from, bytes| {
            println!("game 1.2.2 got `{}` from {from}", text(&bytes));
            let over = report.clone();
            async move {
                let _nobody_waits = over.send(()).await;
            }
        },
    );
    // ANCHOR_END: raw
    let (one, two) = (one.start().await?, two.start().await?);
    for cx in [one.cx(), two.cx()] {
        let mut changes = cx.mesh_changes();
        while cx.nodes().len() < 2 {
            changes.changed().await;
        }
    }
    two.cx().raw_cast("1.2.1".parse::<LogicAddr>()?, PING, "ping")?;
    over.recv().await;
    one.shutdown().await;
    two.shutdown().await;
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
