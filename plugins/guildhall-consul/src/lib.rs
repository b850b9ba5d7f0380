//! Discovery on Consul: apps as services of their agents, with health checks that they renew; and leases in its key-value store.
//!
//! ```no_run
//! # async fn open() -> Result<(), guildhall_core::BackendError> {
//! use guildhall_core::{Config, Env, Opening, Plugin as _};
//! let (env, config) = (Env::real(), Config::builder().build().unwrap());
//! let (id, url) = ("dev.w1.role.1".parse().unwrap(), "consul://127.0.0.1:8500");
//! let opening = Opening { env: &env, config: &config, id: &id, url };
//! let backend = guildhall_consul::Consul.open(opening).await?;
//! assert!(backend.discovery.is_some() && backend.leases.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! README.md beside this crate says what it guarantees.

mod config;
mod fault;
mod client;
mod meta;
mod health;
mod view;
mod discovery;
mod leases;

use std::sync::Arc;

use guildhall_core::{Backend, BackendError, BoxFuture, Env, Opening, Plugin};

use client::Client;

pub use config::Settings;
pub use discovery::ConsulDiscovery;
pub use guildhall_kv::KvLeases;

/// The leases of the deployment `deployment`, the first label of its apps' ids: deployments do not see each other.
pub fn leases(env: &Env, settings: Settings, deployment: &str) -> KvLeases {
    leases::leases(&Arc::new(Client::new(env, settings)), deployment)
}

/// The plugin for `consul://127.0.0.1:8500`, and `consuls://` with TLS; see [`Settings`] for what the URL may say.
///
/// The agent need not be there yet: it is asked until it is.
#[derive(Clone, Copy, Debug)]
pub struct Consul;

impl Plugin for Consul {
    fn schemes(&self) -> &'static [&'static str] {
        &["consul", "consuls"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let settings = Settings::parse(opening.url).map_err(|why| opening.error(why))?;
            let client = Arc::new(Client::new(opening.env, settings));
            let outage = Some(client.outage.clone());
            let leases = leases::leases(&client, opening.id.env());
            let discovery = ConsulDiscovery::over(client, opening.id.env());
            Ok(Backend {
                outage,
                discovery: Some(Arc::new(discovery)),
                leases: Some(Arc::new(leases)),
                ..Backend::default()
            })
        })
    }
}
