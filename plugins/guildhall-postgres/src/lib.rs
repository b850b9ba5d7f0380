//! A whole cluster on one PostgreSQL: the store with an SQL table per entity, leases, discovery, and topics.
//!
//! ```no_run
//! # async fn open() -> Result<(), guildhall_core::BackendError> {
//! use guildhall_core::{Config, Env, Opening, Plugin as _};
//! let (env, config) = (Env::real(), Config::builder().build().unwrap());
//! let (id, url) = ("dev.w1.role.1".parse().unwrap(), "postgres://game:secret@127.0.0.1/game");
//! let opening = Opening { env: &env, config: &config, id: &id, url };
//! let backend = guildhall_postgres::Postgres.open(opening).await?;
//! assert!(backend.store.is_some() && backend.leases.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! README.md beside this crate says what it guarantees.

mod tls;
mod config;
mod fault;
mod sql;
mod row;
mod dialect;
mod session;
mod client;
// The store.
mod tables;
mod store;
// The cluster.
mod cluster;
mod letter;
mod lease_sql;
mod node_sql;
mod keeper;
mod ear;
mod link;
mod watchers;
mod leases;
mod discovery;
mod broker;

use std::sync::Arc;

use guildhall_core::backend::Outage;
use guildhall_core::{Backend, BackendError, BoxFuture, Env, Opening, Plugin};

use client::Client;
use link::Link;

pub use broker::PostgresBroker;
pub use config::Settings;
pub use dialect::PostgreSql;
pub use discovery::PostgresDiscovery;
pub use leases::PostgresLeases;
pub use store::PostgresStore;

/// The plugin for `postgres://user:password@host/database`; see [`Settings`] for what the URL may say.
///
/// The server need not be there yet: the app connects at its first request.
#[derive(Clone, Copy, Debug)]
pub struct Postgres;

impl Plugin for Postgres {
    fn schemes(&self) -> &'static [&'static str] {
        &["postgres", "postgresql"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let settings = Settings::parse(opening.url).map_err(|why| opening.error(why))?;
            let server = PostgresServer::new(opening.env, settings);
            Ok(Backend {
                discovery: Some(Arc::new(server.discovery())),
                broker: Some(Arc::new(server.broker())),
                leases: Some(Arc::new(server.leases())),
                store: Some(Arc::new(server.store())),
                outage: Some(server.outage()),
                ..Backend::default()
            })
        })
    }
}

/// One app's connections to a PostgreSQL server, and what it does for a cluster. It connects at the first request.
pub struct PostgresServer {
    client: Arc<Client>,
    link: Arc<Link>,
}

impl PostgresServer {
    /// Connects at the first request.
    pub fn new(env: &Env, settings: Settings) -> Self {
        let client = Arc::new(Client::new(env, settings));
        Self { link: Arc::new(Link::new(Arc::clone(&client))), client }
    }

    /// Where apps register.
    pub fn discovery(&self) -> PostgresDiscovery {
        PostgresDiscovery::new(Arc::clone(&self.link))
    }

    /// The topics.
    pub fn broker(&self) -> PostgresBroker {
        PostgresBroker::new(Arc::clone(&self.link))
    }

    /// The leases.
    pub fn leases(&self) -> PostgresLeases {
        PostgresLeases::new(Arc::clone(&self.link))
    }

    /// The rows.
    pub fn store(&self) -> PostgresStore {
        PostgresStore::of(Arc::clone(&self.client))
    }

    /// Whether the server answers.
    pub fn outage(&self) -> Outage {
        self.client.outage.clone()
    }
}

impl std::fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PostgresServer").field(&self.client.settings).finish()
    }
}
