//! A broker with faults.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::BoxFuture;
use guildhall_core::broker::{Broker, BrokerError, Delivery, Feed, Subscription};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Does, Way};

/// The broker as one app sees it.
pub(crate) struct FaultyBroker {
    broker: Arc<dyn Broker>,
    way: Arc<Way>,
    /// One publishes at a time: messages of one publisher come in their order.
    publishing: tokio::sync::Mutex<()>,
}

impl FaultyBroker {
    pub(crate) fn new(broker: Arc<dyn Broker>, way: Arc<Way>) -> Self {
        Self { broker, way, publishing: tokio::sync::Mutex::default() }
    }
}

fn no_answer(operation: &'static str) -> BrokerError {
    BrokerError { operation, message: "the simulated broker does not answer".to_owned() }
}

impl Broker for FaultyBroker {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        let (broker, topic) = (Arc::clone(&self.broker), topic.to_owned());
        Box::pin(async move {
            let _in_order = self.publishing.lock().await;
            let request = async move { broker.publish(&topic, message).await };
            let published = self.way.carry(Does::Changes, request).await;
            published.unwrap_or_else(|_| Err(no_answer("publish")))
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        let (broker, topic) = (Arc::clone(&self.broker), topic.to_owned());
        Box::pin(async move {
            let request = async move { broker.subscribe(&topic, buffer).await };
            let from = self.way.carry(Does::Reads, request).await;
            let from = from.unwrap_or_else(|_| Err(no_answer("subscribe")))?;
            let over = CancellationToken::new();
            let ends: DropGuard = over.clone().drop_guard();
            let (to, subscription) = Subscription::new(buffer, ends);
            drop(self.way.env.spawn("sim-topic", forward(Arc::clone(&self.way), from, to, over)));
            Ok(subscription)
        })
    }
}

/// Passes messages on in their order, until the backend goes away or the subscriber does.
async fn forward(way: Arc<Way>, mut from: Subscription, to: Feed, over: CancellationToken) {
    let gone = way.gone();
    loop {
        let delivery = tokio::select! {
            biased;
            () = gone.cancelled() => return,
            () = over.cancelled() => return,
            delivery = from.next() => delivery,
        };
        if delivery.is_none() {
            return;
        }
        way.travel().await;
        let mut arrived = delivery;
        while let Some(delivery) = arrived {
            match delivery {
                Delivery::Message(message) => to.push(message),
                Delivery::Lost(count) => to.lose(count),
            }
            arrived = from.next().now_or_never().flatten();
        }
    }
}
