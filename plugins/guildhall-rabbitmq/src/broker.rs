//! The [`Broker`] seam: a direct exchange whose routing keys are the topics, and a queue of its own for each subscription.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use guildhall_core::BoxFuture;
use guildhall_core::broker::{Broker, BrokerError, Feed, Gaps, Subscription, check};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer, PublisherConfirm};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::failure::Failure;
use crate::link::{BLOCKED, Link};

/// Messages that are on their way to one subscription, and after how many of them the server hears that they have come.
const PREFETCH: u16 = 512;
const ACK_EACH: u64 = 128;

/// Messages and bytes that wait at the server for one subscription; older ones are dropped, and counted by what follows them.
const WAITING_MAX: i64 = 65_536;
const WAITING_BYTES_MAX: i64 = 64 << 20;

/// Topics of a RabbitMQ.
pub struct RabbitBroker {
    publishing: Arc<Client>,
    consuming: Arc<Client>,
}

impl std::fmt::Debug for RabbitBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitBroker").field("settings", &self.publishing.settings).finish()
    }
}

impl RabbitBroker {
    pub(crate) fn new(publishing: &Arc<Client>, consuming: &Arc<Client>) -> Self {
        Self { publishing: Arc::clone(publishing), consuming: Arc::clone(consuming) }
    }

    async fn send(&self, topic: &str, message: Bytes) -> Result<(), Failure> {
        let Client { env, settings, .. } = &*self.publishing;
        let deadline = self.publishing.deadline();
        let link = self.publishing.link(deadline).await?;
        if link.is_blocked() {
            return Err(Failure::refused(BLOCKED));
        }
        let kib = u32::try_from(message.len() / 1024 + 1).unwrap_or(u32::MAX);
        let room = env.until(deadline, link.room.acquire_many(kib)).await;
        let Some(Ok(_room)) = room else {
            return Err(Failure::late("too many messages wait for the server; publish fewer"));
        };
        let published = async {
            // Numbers go out in their order.
            let mut sequence = link.sequence.lock().await;
            let id = sequence.next(topic);
            let confirm = publish(&link.channel, settings.exchange(), topic, &id, &message).await?;
            drop(sequence);
            confirm.await
        };
        let confirmed = link.until(env, deadline, published).await?;
        if confirmed.is_nack() {
            return Err(Failure::passing("the server refused the message; publish it again"));
        }
        Ok(())
    }

    async fn follow(&self, topic: &str, buffer: usize) -> Result<Subscription, Failure> {
        let (env, deadline) = (&self.consuming.env, self.consuming.deadline());
        let link = self.consuming.link(deadline).await?;
        let opened = open(&link, self.consuming.settings.exchange(), topic);
        let (channel, consumer) = link.until(env, deadline, opened).await?;
        let (ends, gone) = oneshot::channel::<()>();
        let (feed, subscription) = Subscription::new(buffer, ends);
        env.spawn("rabbitmq.subscription", async move {
            tokio::select! {
                biased;
                _dropped = gone => {}
                () = fill(&feed, consumer, &channel) => {}
            }
        });
        Ok(subscription)
    }
}

impl Broker for RabbitBroker {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            check("publish", topic, &message)?;
            let sent = self.send(topic, message).await;
            sent.map_err(|failure| BrokerError { operation: "publish", message: failure.why })
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        Box::pin(async move {
            check("subscribe", topic, &[])?;
            let opened = self.follow(topic, buffer).await;
            opened.map_err(|failure| BrokerError { operation: "subscribe", message: failure.why })
        })
    }
}

async fn publish(
    channel: &Channel,
    exchange: ShortString,
    topic: &str,
    id: &str,
    message: &Bytes,
) -> lapin::Result<PublisherConfirm> {
    let properties = BasicProperties::default().with_message_id(id.into());
    let options = BasicPublishOptions::default();
    channel.basic_publish(exchange, topic.into(), options, message, properties).await
}

/// A queue that ends with the channel.
async fn open(
    link: &Link,
    exchange: ShortString,
    topic: &str,
) -> lapin::Result<(Channel, Consumer)> {
    let channel = link.connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let options = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(WAITING_MAX));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(WAITING_BYTES_MAX));
    let queue = channel.queue_declare("".into(), options, arguments).await?;
    let (name, none) = (queue.name().clone(), FieldTable::default());
    channel
        .queue_bind(name.clone(), exchange, topic.into(), QueueBindOptions::default(), none)
        .await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(name, "".into(), options, none).await?;
    Ok((channel, consumer))
}

/// Until the connection is lost, or somebody has removed the queue.
async fn fill(feed: &Feed, mut consumer: Consumer, _channel: &Channel) {
    let (mut gaps, mut come) = (Gaps::default(), 0);
    while let Some(Ok(delivery)) = consumer.next().await {
        let id = delivery.properties.message_id().as_ref().map_or("", ShortString::as_str);
        feed.lose(gaps.before(id));
        come += 1;
        if come % ACK_EACH == 0 {
            let all = BasicAckOptions { multiple: true };
            if delivery.acker.ack(all).await.is_err() {
                return;
            }
        }
        feed.push(delivery.data.into());
    }
}
