//! The client of a hub: discovery, broker, queue, leases and store of a small deployment, all from one process that is reached
//! over the link.
//!
//! ```no_run
//! fn main() -> Result<(), guildhall_runtime::StartError> {
//!     // [app]
//!     // discovery = "hub://127.0.0.1:7100"
//!     // store = "hub://127.0.0.1:7100"
//!     guildhall_runtime::App::load()?.plugin(guildhall_hub::Hub).run()
//! }
//! ```
//!
//! The client is an app within the app, with the same id and the same `[link]` settings; it has a link to the hub and nothing
//! else. While the hub is away its calls fail at once, and say whether they may have run; when it is back they go on.

// Generated code names `::guildhall`.
extern crate guildhall_runtime as guildhall;

mod broker;
mod client;
mod config;
#[doc(hidden)]
pub mod convert;
mod discovery;
mod leases;
#[doc(hidden)]
pub mod proto;
mod queue;
mod store;
mod stream;

use std::sync::Arc;

use guildhall_core::{Backend, BackendError, BoxFuture, Opening, Plugin};

pub use broker::HubBroker;
pub use client::HubClient;
pub use config::Settings;
pub use discovery::HubDiscovery;
pub use leases::HubLeases;
pub use queue::HubQueue;
pub use store::HubStore;

/// Opens `hub://127.0.0.1:7100`: a hub, which waits there already or comes within `?connect_ms=10000`; see [`Settings`].
#[derive(Clone, Copy, Debug)]
pub struct Hub;

impl Plugin for Hub {
    fn schemes(&self) -> &'static [&'static str] {
        &["hub"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let client = HubClient::connect(opening).await?;
            let queue = client.queue().await;
            Ok(Backend {
                discovery: Some(Arc::new(client.discovery())),
                broker: Some(Arc::new(client.broker())),
                queue: Some(Arc::new(queue.map_err(|status| opening.error(status.to_string()))?)),
                leases: Some(Arc::new(client.leases())),
                store: Some(Arc::new(client.store())),
            })
        })
    }
}
