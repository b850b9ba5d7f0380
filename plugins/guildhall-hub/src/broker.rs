//! The [`Broker`] seam over a hub.

use bytes::Bytes;
use guildhall_core::broker::{Broker, BrokerError, Feed, Subscription, check};
use guildhall_core::{BoxFuture, Status};
use tokio::sync::oneshot;

use crate::link::{HubLink, told};
use crate::proto::broker_delivery::Delivery;
use crate::proto::{BrokerClient, BrokerDelivery, PublishReq, SubscribeReq};
use crate::stream::{POLL, Stream};

/// The topics of the hub.
#[derive(Debug)]
pub struct HubBroker {
    link: HubLink,
}

impl HubBroker {
    pub(crate) fn new(link: HubLink) -> Self {
        Self { link }
    }
}

impl Broker for HubBroker {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            check("publish", topic, &message)?;
            let req = PublishReq { topic: topic.to_owned(), message };
            let published = BrokerClient::new(self.link.cx()).at(self.link.id()).publish(req).await;
            published.map_err(|status| failed("publish", &status))
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        Box::pin(async move {
            check("subscribe", topic, &[])?;
            let req = SubscribeReq { topic: topic.to_owned() };
            let opened = BrokerClient::new(self.link.cx()).at(self.link.id()).follow(req).await;
            let opened = opened.map_err(|status| failed("subscribe", &status))?;
            let stream = Stream::new(self.link.clone(), &opened);
            let (ends, gone) = oneshot::channel::<()>();
            let (feed, subscription) = Subscription::new(buffer, ends);
            self.link.env().spawn("hub.subscription", async move {
                tokio::select! {
                    biased;
                    _dropped = gone => {}
                    () = fill(&feed, &stream) => {}
                }
            });
            Ok(subscription)
        })
    }
}

/// Until the hub is lost.
async fn fill(feed: &Feed, stream: &Stream) {
    while let Some(deliveries) = stream.next::<BrokerDelivery>(POLL).await {
        for delivery in deliveries.into_iter().filter_map(|item| item.delivery) {
            match delivery {
                Delivery::Message(message) => feed.push(message),
                Delivery::Lost(messages) => feed.lose(messages),
            }
        }
    }
}

fn failed(operation: &'static str, status: &Status) -> BrokerError {
    BrokerError { operation, message: told(status) }
}
