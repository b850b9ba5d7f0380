//! Broker: topics in memory.

use bytes::Bytes;
use guildhall_core::broker::{Broker as _, BrokerError, Delivery, Subscription};
use guildhall_core::{BoxFuture, Code, Status};
use guildhall_hub::proto::{
    self, BrokerDelivery, PublishReq, StreamRsp, SubscribeReq, broker_delivery,
};
use guildhall_runtime::Cx;
use prost::Message as _;

use crate::Hub;
use crate::streams::Source;

impl proto::Broker for Hub {
    async fn publish(&self, _cx: &Cx, req: PublishReq) -> Result<(), Status> {
        self.parts()?.broker.publish(&req.topic, req.message).await.map_err(refused)
    }

    async fn follow(&self, _cx: &Cx, req: SubscribeReq) -> Result<StreamRsp, Status> {
        let parts = self.parts()?;
        let subscription = parts.broker.subscribe(&req.topic, parts.config.subscription_max);
        parts.streams.open(Subscribed(subscription.await.map_err(refused)?))
    }
}

struct Subscribed(Subscription);

impl Source for Subscribed {
    fn next(&mut self) -> BoxFuture<'_, Option<Bytes>> {
        Box::pin(async move {
            let delivery = match self.0.next().await? {
                Delivery::Message(message) => broker_delivery::Delivery::Message(message),
                Delivery::Lost(messages) => broker_delivery::Delivery::Lost(messages),
            };
            Some(BrokerDelivery { delivery: Some(delivery) }.encode_to_vec().into())
        })
    }
}

fn refused(error: BrokerError) -> Status {
    Status::new(Code::FailedPrecondition, error.message)
}
