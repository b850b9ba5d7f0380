//! [`RedisBroker`]: the [`Broker`] seam over channels.

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::BoxFuture;
use guildhall_core::broker::{Broker, BrokerError, Subscription, check};
use parking_lot::Mutex;
use redis::Script;

use crate::client::{Again, Client};
use crate::events::{Events, Subscribed};
use crate::script::{Args, script};

/// Topics of a Redis server.
pub struct RedisBroker {
    client: Arc<Client>,
    events: Events,
    publish: Script,
}

impl RedisBroker {
    pub(crate) fn new(client: Arc<Client>, events: Events) -> Self {
        Self { client, events, publish: script!("shared", "publish") }
    }

    fn channel(&self, topic: &str) -> String {
        format!("{}:topic:{topic}", self.client.settings.prefix)
    }
}

impl std::fmt::Debug for RedisBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisBroker").field(&self.client.settings).finish()
    }
}

impl Broker for RedisBroker {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            check("publish", topic, &message)?;
            let mut args = Args::default();
            args.text(&self.channel(topic)).bytes(message);
            let published = self.client.call(&self.publish, &args, Again::No, false).await;
            published.map(drop).map_err(|fault| failed("publish", fault.why()))
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        Box::pin(async move {
            check("subscribe", topic, &[])?;
            // What ends with the subscription is there after it: until then it is nothing.
            let subscribed = Arc::<Mutex<Option<Subscribed>>>::default();
            let (feed, subscription) = Subscription::new(buffer, Arc::clone(&subscribed));
            let sink = move |message| {
                feed.push(message);
                true
            };
            let done = self.events.subscribe(&self.channel(topic), Box::new(sink)).await;
            *subscribed.lock() = Some(done.map_err(|why| failed("subscribe", &why))?);
            Ok(subscription)
        })
    }
}

fn failed(operation: &'static str, why: &str) -> BrokerError {
    BrokerError { operation, message: why.to_owned() }
}
