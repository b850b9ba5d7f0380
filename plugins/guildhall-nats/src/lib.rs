//! Discovery, broker, queue and leases on NATS with JetStream.
//!
//! README.md beside this crate says what it guarantees.

mod config;
mod fault;
mod client;
mod broker;
mod bucket;
mod follow;
mod discovery;
mod leases;
mod queue;
mod net;

use std::sync::Arc;

use guildhall_core::backend::Outage;
use guildhall_core::{Backend, BackendError, BoxFuture, Env, Opening, Plugin};

pub use broker::{NatsBroker, SUBSCRIPTIONS_MAX};
pub use config::Settings;
pub use discovery::NatsDiscovery;
pub use net::NatsNet;
pub use queue::NatsQueue;

pub use guildhall_kv::KvLeases;

use client::Client;

/// The plugin for `nats://user:password@host:4222`, and `natss://` with TLS; see [`Settings`] for what the URL may say.
///
/// The server need not be there yet: the connection is made in the background, and again whenever it is lost.
#[derive(Clone, Copy, Debug)]
pub struct Nats;

impl Plugin for Nats {
    fn schemes(&self) -> &'static [&'static str] {
        &["nats", "natss"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let wrong =
                |message| BackendError { url: config::without_secrets(opening.url), message };
            let settings = Settings::parse(opening.url).map_err(wrong)?;
            let seams = open(opening.env, opening.id.env(), settings).await.map_err(wrong)?;
            Ok(Backend {
                discovery: Some(Arc::new(seams.discovery)),
                broker: Some(Arc::new(seams.broker)),
                queue: Some(Arc::new(seams.queue)),
                leases: Some(Arc::new(seams.leases)),
                net: Some(Arc::new(seams.net)),
                outage: Some(seams.outage),
                ..Backend::default()
            })
        })
    }
}

/// The seams of one connection to NATS.
#[derive(Debug)]
pub struct Seams {
    /// Topics on core NATS.
    pub broker: NatsBroker,
    /// Registrations in a bucket of JetStream.
    pub discovery: NatsDiscovery,
    /// Queues in a stream of JetStream.
    pub queue: NatsQueue,
    /// Leases in a bucket of JetStream.
    pub leases: KvLeases,
    /// Links between apps by way of the server.
    pub net: NatsNet,
    /// Whether the server answers.
    pub outage: Outage,
}

/// Opens the seams for apps of `env_label`, the first label of an app's id.
///
/// # Errors
/// An address cannot be read.
pub async fn open(env: &Env, env_label: &str, settings: Settings) -> Result<Seams, String> {
    let client = Arc::new(Client::open(env, env_label, settings).await?);
    Ok(Seams {
        broker: NatsBroker::new(Arc::clone(&client)),
        outage: client.outage.clone(),
        discovery: NatsDiscovery::new(Arc::clone(&client)),
        queue: NatsQueue::new(Arc::clone(&client)),
        net: NatsNet::new(Arc::clone(&client)),
        leases: leases::leases(client),
    })
}

impl Seams {
    /// Waits until the server is there, at most `deadline_ms`.
    ///
    /// # Errors
    /// Why it cannot be reached.
    ///
    /// # Cancel safety
    /// Dropped, the connection is made all the same.
    pub async fn connected(&self) -> Result<(), String> {
        self.broker.connected().await.map_err(|fault| fault.to_string())
    }
}
