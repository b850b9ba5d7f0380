//! A lease: what a game does in one app at a time, whatever it is. One app runs a raid; another takes it over, with what the first
//! one knows of it.
//!
//! ```text
//! cargo run -p guildhall --example lease
//! ```
//!
//! Output:
//!
//!     dev.w1.raid.1 runs raid-7
//!     dev.w1.raid.2 may not: lease raid-7: dev.w1.raid.1 holds it
//!     dev.w1.raid.2 runs raid-7, the boss is at 40 %
//!     dev.w1.raid.1 has lost it: Gone

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use guildhall::discovery::memory::MemoryDiscovery;
use guildhall::leases::memory::MemoryLeases;
use guildhall::{App, Bytes, Config, Cx, Env, Held, Status};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    // Of processes of their own: `app.leases`, a hub for example.
    let leases = Arc::new(MemoryLeases::new(Env::real()));
    let mut apps = Vec::new();
    for id in ["dev.w1.raid.1", "dev.w1.raid.2"] {
        let config =
            Config::builder().set("app.id", id).set("link.listen", "127.0.0.1:0").build()?;
        let app = App::with(config).discovery(discovery.clone()).leases(leases.clone());
        apps.push(app.start().await?);
    }
    let (one, two) = (apps[0].cx(), apps[1].cx());
    while one.nodes().len() < 2 || two.nodes().len() < 2 {
        one.env().sleep(Duration::from_millis(5)).await;
    }

    let raid = run_raid(&one).await?;
    println!("{} runs raid-7", one.app_id());
    if let Err(status) = run_raid(&two).await {
        println!("{} may not: {}", two.app_id(), status.message());
    }
    let mut taken = two.lease("raid-7").take_over().await?;
    println!("{} runs raid-7, {}", two.app_id(), String::from_utf8_lossy(&taken.given()));
    println!("{} has lost it: {:?}", one.app_id(), raid.lost().await);
    taken.release().await?;
    for app in apps {
        app.shutdown().await;
    }
    Ok(())
}

// ANCHOR: raid
/// Runs the raid here, if nobody does. What it writes elsewhere carries [`Held::epoch`], so that a late write of an earlier holder can
/// be told; what it does itself it does while [`Held::is_valid`].
async fn run_raid(cx: &Cx) -> Result<Held, Status> {
    let raid = cx.lease("raid-7");
    // Another app wants it: end here, and say what it is to know.
    let raid = raid.on_move_out(async |_to| Ok(Bytes::from_static(b"the boss is at 40 %")));
    raid.acquire().await
}
// ANCHOR_END: raid
