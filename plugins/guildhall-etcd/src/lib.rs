//! Discovery and leases on etcd: registrations and holders as keys under etcd's leases, epochs from its revisions.
//!
//! ```no_run
//! # async fn open() -> Result<(), guildhall_core::BackendError> {
//! use guildhall_core::{Config, Env, Opening, Plugin as _};
//! let (env, config) = (Env::real(), Config::builder().build().unwrap());
//! let (id, url) = ("dev.w1.role.1".parse().unwrap(), "etcd://10.0.0.1:2379,10.0.0.2:2379");
//! let opening = Opening { env: &env, config: &config, id: &id, url };
//! let backend = guildhall_etcd::Etcd.open(opening).await?;
//! assert!(backend.discovery.is_some() && backend.leases.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! README.md beside this crate says what it guarantees.

mod config;
#[doc(hidden)]
// It is as `cargo xtask codegen` writes it.
#[rustfmt::skip]
pub mod proto;
mod fault;
mod rpc;
mod connection;
mod client;
mod keys;
mod txn;
mod read;
mod mirror;
mod value;
mod discovery;
mod leases;
mod document;

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::{Backend, BackendError, BoxFuture, Env, Opening, Plugin};

use client::Client;
use keys::Keys;

pub use config::Settings;
pub use discovery::EtcdDiscovery;
pub use leases::EtcdLeases;

/// The plugin for `etcd://host:2379`, and `etcds://` with TLS; see [`Settings`] for what the URL may say.
///
/// The server need not be there yet: it is dialled until it is.
#[derive(Clone, Copy, Debug)]
pub struct Etcd;

impl Plugin for Etcd {
    fn schemes(&self) -> &'static [&'static str] {
        &["etcd", "etcds"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let settings = Settings::parse(opening.url).map_err(|why| opening.error(why))?;
            let seams = EtcdSeams::new(opening.env, settings, opening.id.env());
            Ok(Backend {
                outage: Some(seams.client.outage.clone()),
                discovery: Some(Arc::new(seams.discovery)),
                leases: Some(Arc::new(seams.leases)),
                ..Backend::default()
            })
        })
    }

    fn document<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Bytes, BackendError>> {
        Box::pin(async move {
            let read = document::document(opening.env, opening.url).await;
            read.map_err(|why| opening.error(why))
        })
    }
}

/// The seams of one client: they share its connection. Made in a tokio runtime.
#[derive(Debug)]
pub struct EtcdSeams {
    /// Where apps register.
    pub discovery: EtcdDiscovery,
    /// Who holds what.
    pub leases: EtcdLeases,
    client: Arc<Client>,
}

impl EtcdSeams {
    /// Seams for the deployment `deployment`, the first label of its apps' ids: deployments do not see each other.
    pub fn new(env: &Env, settings: Settings, deployment: &str) -> Self {
        let keys = Keys::new(&settings.prefix, deployment);
        let client = Arc::new(Client::new(env, settings));
        let discovery = EtcdDiscovery::new(&client, keys.clone());
        let leases = EtcdLeases::new(&client, keys);
        Self { discovery, leases, client }
    }
}
