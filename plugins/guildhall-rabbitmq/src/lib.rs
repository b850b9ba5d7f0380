//! Topics and queues on RabbitMQ: a direct exchange for topics, and quorum queues with confirms and acknowledgements.
//!
//! ```no_run
//! # async fn open() -> Result<(), guildhall_core::BackendError> {
//! use guildhall_core::{Config, Env, Opening, Plugin as _};
//! let (env, config) = (Env::real(), Config::builder().build().unwrap());
//! let (id, url) = ("dev.w1.role.1".parse().unwrap(), "amqp://game:secret@127.0.0.1/game");
//! let opening = Opening { env: &env, config: &config, id: &id, url };
//! let backend = guildhall_rabbitmq::RabbitMq.open(opening).await?;
//! assert!(backend.broker.is_some() && backend.queue.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! README.md beside this crate says what it guarantees.

mod config;
mod wire;
mod socket;
mod failure;
mod fresh;
mod lane;
mod link;
mod client;
mod attempt;
mod broker;
mod pop;
mod queue;

use std::sync::Arc;

use guildhall_core::backend::Outage;
use guildhall_core::{Backend, BackendError, BoxFuture, Env, Opening, Plugin};

pub use broker::RabbitBroker;
pub use config::Settings;
pub use queue::RabbitQueue;

use client::Client;
use fresh::Fresh;

/// The plugin for `amqp://user:password@host/vhost`, and `amqps://` with TLS; see [`Settings`] for what the URL may say.
///
/// The server need not be there yet: tasks in the background connect, and connect again whenever the connection is lost. Publishing has a
/// connection of its own, because a server that is short of memory stops reading from those that publish.
#[derive(Clone, Copy, Debug)]
pub struct RabbitMq;

impl Plugin for RabbitMq {
    fn schemes(&self) -> &'static [&'static str] {
        &["amqp", "amqps"]
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Backend, BackendError>> {
        Box::pin(async move {
            let settings =
                Settings::parse(opening.url).map_err(|message| opening.error(message))?;
            tracing::info!(
                server = settings.server(),
                "RabbitMQ delivers popped items again at once when the app that popped them loses its connection"
            );
            let (broker, queue, outage) = open(opening.env, settings);
            Ok(Backend {
                broker: Some(Arc::new(broker)),
                queue: Some(Arc::new(queue)),
                outage: Some(outage),
                ..Backend::default()
            })
        })
    }
}

/// Begins to connect, as the plugin does; for programs that use a broker or a queue without an app.
///
/// # Panics
/// The caller is not in a tokio runtime.
pub fn open(env: &Env, settings: Settings) -> (RabbitBroker, RabbitQueue, Outage) {
    let settings = Arc::new(settings);
    let outage = Outage::new(env, "rabbitmq", settings.server());
    let fresh = Arc::<Fresh>::default();
    let publishing = Client::new(env, &settings, &fresh, &outage, "publishing");
    let consuming = Client::new(env, &settings, &fresh, &outage, "consuming");
    let broker = RabbitBroker::new(&publishing, &consuming);
    (broker, RabbitQueue::new(&publishing, &consuming), outage)
}
