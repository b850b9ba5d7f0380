//! The hub: discovery, broker, queue, leases and store for a cluster of processes, from one process with nothing to install.
//!
//! It is for development and small deployments: one process, one file, no replica. What it keeps in the file is what must not
//! be forgotten: rows, and leases with their sessions, holders and epochs. Who is there, and items of queues, are in its memory: apps
//! register again as soon as it is back.

mod config;
mod kept;
mod tables;
mod streams;
mod hub;
mod following;
mod discovery;
mod broker;
mod queue;
mod leases;
mod store;

use guildhall_core::config::{Config, ConfigBuilder};
use guildhall_runtime::App;

pub use config::HubConfig;
pub use hub::Hub;

/// Where nobody says otherwise: on loopback, for apps of env `dev`.
pub fn presets(config: ConfigBuilder) -> ConfigBuilder {
    config.preset("app.id", "dev.w1.hub.1").preset("link.listen", "127.0.0.1:7100")
}

/// The app that is the hub.
pub fn app(config: Config) -> App {
    let hub = Hub::default();
    let disk = hub.clone();
    App::with(config).component(hub).health("disk", move |_| disk.disk())
}
