//! Store, leases, discovery, topics and queues on a Redis server: scripts that run on it decide, each in one atomic step and one round trip.
//!
//! ```no_run
//! # async fn open() -> Result<(), guildhall_core::BackendError> {
//! use guildhall_core::{Config, Env, Opening, Plugin as _};
//! let (env, config) = (Env::real(), Config::builder().build().unwrap());
//! let (id, url) = ("dev.w1.role.1".parse().unwrap(), "redis://:secret@127.0.0.1:6379/0");
//! let opening = Opening { env: &env, config: &config, id: &id, url };
//! let backend = guildhall_redis::Redis.open(opening).await?;
//! assert!(backend.store.is_some() && backend.leases.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! README.md beside this crate says what it guarantees.

mod config;
mod fault;
mod reply;
mod script;
mod facts;
mod dial;
mod client;
mod store;
mod events;
mod sweep;
mod leases;
mod discovery;
mod broker;
mod queue;

use std::sync::Arc;

use guildhall_core::{Backend, BackendError, BoxFuture, Env, Opening, Plugin};

use client::Client;
use events::Events;

pub use broker::RedisBroker;
pub use config::{Persistence, Settings};
pub use discovery::RedisDiscovery;
pub use leases::RedisLeases;
pub use queue::RedisQueue;
pub use store::RedisStore;

/// The plugin for `redis://user:password@host:6379/0`; see [`Settings`] for what the URL may say.
///
/// The server need not be there yet: what it keeps over its end counts as nothing until it has told.
#[derive(Clone, Copy, Debug)]
pub struct Redis;

impl Plugin for Redis {
    fn schemes(&self) -> &'static [&'static str] {
        &["redis", "rediss"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let url = config::without_secrets(opening.url);
            let error = |message| BackendError { url: url.clone(), message };
            let settings = Settings::parse(opening.url).map_err(error)?;
            let redis = RedisClient::connect(opening.env, settings).await.map_err(error)?;
            Ok(Backend {
                discovery: Some(Arc::new(redis.discovery())),
                broker: Some(Arc::new(redis.broker())),
                queue: Some(Arc::new(redis.queue())),
                leases: Some(Arc::new(redis.leases())),
                store: Some(Arc::new(redis.store())),
                outage: Some(redis.client.outage.clone()),
                ..Backend::default()
            })
        })
    }
}

/// A Redis server with all its seams.
#[derive(Clone)]
pub struct RedisClient {
    client: Arc<Client>,
    events: Events,
}

impl RedisClient {
    /// Waits for the server, at most for [`Settings::connect`]; a server that is not there then is dialled later.
    ///
    /// # Errors
    /// The server is not to be used, and what to do about it.
    pub async fn connect(env: &Env, settings: Settings) -> Result<Self, String> {
        let client = Arc::new(Client::new(env, settings));
        client.first().await?;
        let events = Events::new(Arc::clone(&client));
        Ok(Self { client, events })
    }

    /// Where apps register and are watched.
    pub fn discovery(&self) -> RedisDiscovery {
        RedisDiscovery::new(Arc::clone(&self.client), self.events.clone())
    }

    /// Topics.
    pub fn broker(&self) -> RedisBroker {
        RedisBroker::new(Arc::clone(&self.client), self.events.clone())
    }

    /// Queues.
    pub fn queue(&self) -> RedisQueue {
        RedisQueue::new(Arc::clone(&self.client), self.events.clone())
    }

    /// Leases.
    pub fn leases(&self) -> RedisLeases {
        RedisLeases::new(Arc::clone(&self.client), self.events.clone())
    }

    /// Rows.
    pub fn store(&self) -> RedisStore {
        RedisStore::new(Arc::clone(&self.client))
    }
}

impl std::fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisClient").field(&self.client.settings).finish()
    }
}
