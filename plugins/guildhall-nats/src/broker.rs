//! The [`Broker`] seam on core NATS: a subject per topic.

mod live;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use futures_util::StreamExt as _;
use guildhall_core::BoxFuture;
use guildhall_core::broker::{Broker, BrokerError, Subscription, check};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::fault::Fault;
use live::Live;

pub use live::SUBSCRIPTIONS_MAX;

/// Topics on NATS. A subscription ends with the connection that it was made on.
#[derive(Debug)]
pub struct NatsBroker {
    client: Arc<Client>,
    live: Arc<AtomicUsize>,
}

impl NatsBroker {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { client, live: Arc::default() }
    }

    pub(crate) async fn connected(&self) -> Result<(), Fault> {
        self.client.connected().await.map(drop)
    }

    fn subject(&self, topic: &str) -> String {
        format!("{}.topic.{topic}", self.client.space)
    }

    /// Waits until the server has read everything that was sent on this connection.
    async fn reached(&self) -> Result<(), Fault> {
        // Nobody answers there, which the server says at once.
        let subject = format!("{}.nobody", self.client.space);
        match self.client.run(self.client.nats.request(subject, Bytes::new())).await {
            Ok(_) | Err(Fault::NoStream) => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}

impl Broker for NatsBroker {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            check("publish", topic, &message)?;
            let published = self.client.nats.publish(self.subject(topic), message);
            let published = self.client.send(published).await;
            published.map_err(|fault| failed("publish", &fault))
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        Box::pin(async move {
            check("subscribe", topic, &[])?;
            let live = Live::new(&self.live)?;
            let failed = |fault: Fault| failed("subscribe", &fault);
            let link = self.client.up().await.map_err(failed)?;
            let subscribed = self.client.nats.subscribe(self.subject(topic));
            let mut messages = self.client.send(subscribed).await.map_err(failed)?;
            self.reached().await.map_err(failed)?;
            let (ends, gone) = oneshot::channel::<()>();
            let (feed, subscription) = Subscription::new(buffer, ends);
            let client = Arc::clone(&self.client);
            self.client.env.spawn("nats.subscription", async move {
                let _live = live;
                tokio::select! {
                    biased;
                    _dropped = gone => {}
                    () = client.lost(link) => {}
                    () = async { while let Some(message) = messages.next().await { feed.push(message.payload) } } => {}
                }
            });
            Ok(subscription)
        })
    }
}

fn failed(operation: &'static str, fault: &Fault) -> BrokerError {
    BrokerError { operation, message: fault.to_string() }
}
