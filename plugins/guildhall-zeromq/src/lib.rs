//! Topics and queues between apps without a server, on ZeroMQ: PUB and SUB, PUSH and PULL.
//!
//! ```no_run
//! # async fn open() -> Result<(), guildhall_core::BackendError> {
//! use guildhall_core::{Config, Env, Opening, Plugin as _};
//! let (env, config) = (Env::real(), Config::builder().build().unwrap());
//! let (id, url) = ("dev.w1.role.1".parse().unwrap(), "zeromq://0.0.0.0:7300?peers=10.0.0.6:7300");
//! let opening = Opening { env: &env, config: &config, id: &id, url };
//! let backend = guildhall_zeromq::ZeroMq.open(opening).await?;
//! assert!(backend.broker.is_some() && backend.queue.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! README.md beside this crate says what it guarantees, which is less than what a server can.

mod config;
mod frames;
mod socket;
mod accept;
mod task;
mod backlog;
mod publisher;
mod peer;
mod broker;
mod owner;
mod queue;

use std::sync::Arc;

use guildhall_core::{Backend, BackendError, BoxFuture, Env, Opening, Plugin};

pub use broker::ZeroMqBroker;
pub use config::Settings;
pub use queue::ZeroMqQueue;

/// The plugin for `zeromq://HOST:PORT?peers=..`; see [`Settings`] for what the URL may say.
///
/// It listens at once. The other apps need not be there yet: they are dialled until they are, and again whenever they are lost.
#[derive(Clone, Copy, Debug)]
pub struct ZeroMq;

impl Plugin for ZeroMq {
    fn schemes(&self) -> &'static [&'static str] {
        &["zeromq"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let settings = Settings::parse(opening.url).map_err(|why| opening.error(why))?;
            let opened = open(opening.env, &settings).await.map_err(|why| opening.error(why))?;
            tracing::info!(
                publishes = settings.address,
                peers = settings.peers.len(),
                "ZeroMQ delivers at most once and keeps nothing: items are lost with the process that has them"
            );
            let (broker, queue) = opened;
            Ok(Backend {
                broker: Some(Arc::new(broker)),
                queue: Some(Arc::new(queue)),
                ..Backend::default()
            })
        })
    }
}

/// Listens and dials, as the plugin does; for programs that use a broker or a queue without an app.
///
/// # Errors
/// An address cannot be listened at.
pub async fn open(env: &Env, settings: &Settings) -> Result<(ZeroMqBroker, ZeroMqQueue), String> {
    let broker = ZeroMqBroker::open(env, settings).await?;
    Ok((broker, ZeroMqQueue::open(env, settings).await?))
}
