//! A game lease: mutual exclusion between apps. One app runs a raid; another takes the lease over together with the raid's progress.
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
use guildhall::{App, Bytes, Config, Cx, Env, LeaseGuard, Status};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let discovery = Arc::new(MemoryDiscovery::new(Env::real()));
    // Separate processes would share this through `app.leases`, for example a hub.
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
/// Runs the raid here unless another app holds the lease. Writes to other systems carry [`LeaseGuard::epoch`], so that these can refuse late
/// writes of an earlier holder; everything else runs only while [`LeaseGuard::is_valid`].
async fn run_raid(cx: &Cx) -> Result<LeaseGuard, Status> {
    let raid = cx.lease("raid-7");
    // Another app asks for the lease: stop here, and return the state that it needs.
    let raid = raid.on_move_out(async |_to| Ok(Bytes::from_static(b"the boss is at 40 %")));
    raid.acquire().await
}
// ANCHOR_END: raid
