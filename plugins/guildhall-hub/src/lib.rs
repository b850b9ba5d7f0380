//! The client of a hub: discovery, broker, queue, leases and store of a small deployment, all provided by one process.
//!
//! ```no_run
//! fn main() -> Result<(), guildhall_runtime::StartError> {
//!     // [app]
//!     // cluster = "hub://127.0.0.1:7100"
//!     guildhall_runtime::App::load()?.plugin(guildhall_hub::Hub).run()
//! }
//! ```
//!
//! The client is an app within the app, with the same id and the same `[link]` settings, and the hub as its only peer. While the hub is
//! unavailable its calls fail at once, each with its effect; they work again when the hub is back.

// Generated code names `::guildhall`.
extern crate guildhall_runtime as guildhall;

mod config;
#[doc(hidden)]
pub mod proto;
#[doc(hidden)]
pub mod convert;
mod link;
mod stream;
mod broker;
mod discovery;
mod queue;
mod leases;
mod store;
mod client;

use std::sync::Arc;

use guildhall_core::{Backend, BackendError, BoxFuture, Config, Opening, Plugin};
use guildhall_runtime::{AppConfig, LinkConfig, StoreConfig};

pub use broker::HubBroker;
pub use client::HubClient;
pub use config::Settings;
pub use discovery::HubDiscovery;
pub use leases::HubLeases;
pub use queue::HubQueue;
pub use store::HubStore;

/// Bytes of a frame beside the rows of one actor: their heads, keys and tokens.
const FRAME_ROOM: usize = 64 << 10;

/// The plugin for `hub://127.0.0.1:7100`. The hub has to be reachable within `?connect_ms=10000`; see [`Settings`].
#[derive(Clone, Copy, Debug)]
pub struct Hub;

impl Plugin for Hub {
    fn schemes(&self) -> &'static [&'static str] {
        &["hub"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            check_rows(opening.config).map_err(|why| opening.error(why))?;
            let client = HubClient::connect(opening).await?;
            let queue = client.queue().await;
            Ok(Backend {
                discovery: Some(Arc::new(client.discovery())),
                broker: Some(Arc::new(client.broker())),
                queue: Some(Arc::new(queue.map_err(|status| opening.error(status.to_string()))?)),
                leases: Some(Arc::new(client.leases())),
                store: Some(Arc::new(client.store())),
                outage: Some(client.outage().clone()),
                ..Backend::default()
            })
        })
    }
}

/// Whether the rows of an actor, which travel together, fit into a frame: what a hub has taken it must be able to give back.
fn check_rows(config: &Config) -> Result<(), String> {
    let failed = |error: guildhall_core::config::ConfigError| error.to_string();
    let app = AppConfig::read(config).map_err(failed)?;
    let links: LinkConfig = config.section("link").map_err(failed)?;
    let rows: StoreConfig = config.section("store").map_err(failed)?;
    let (row_max, frame_max) = (rows.row_max, links.frame_max);
    let fits = row_max.saturating_add(FRAME_ROOM) <= frame_max;
    if fits || !app.store_url().starts_with("hub:") {
        return Ok(());
    }
    Err(format!(
        "store.row_max = {row_max} does not fit into link.frame_max = {frame_max}: rows travel to a hub in one frame, with {FRAME_ROOM} bytes beside them; lower the one, or raise the other in the app and in the hub"
    ))
}
