//! [`Lane`]: the channel of one queue, so that a queue that does not answer holds up no other.

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::Env;
use lapin::options::{
    BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, PublisherConfirm};
use parking_lot::Mutex;
use tokio::sync::Mutex as Turns;

use crate::config::Settings;
use crate::failure::is_not_found;
use crate::fresh::Fresh;

/// Items that outlive the server's process.
const PERSISTENT: u8 = 2;

/// A channel for the items of one queue, which exists.
pub(crate) struct Lane {
    pub(crate) channel: Channel,
    pub(crate) queue: ShortString,
    /// Held while the client library numbers an item and queues it for sending, which are two steps: confirms name the number.
    numbers: Mutex<()>,
    /// Held while items are given back, in their order.
    pub(crate) returns: Turns<()>,
}

impl Lane {
    /// Opens a channel, and makes the queue unless it is there. Its caller has the turn of [`Fresh::turn`].
    pub(crate) async fn open(
        env: &Env,
        connection: &Connection,
        settings: &Settings,
        fresh: &Fresh,
        queue: &ShortString,
    ) -> lapin::Result<Self> {
        let mut channel = connection.create_channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        match channel.queue_declare(queue.clone(), passive, FieldTable::default()).await {
            Ok(_there) => {}
            Err(error) if is_not_found(&error) => {
                // That has closed the channel. The answer to what follows may be lost, and the queue made.
                channel = connection.create_channel().await?;
                fresh.add(queue.as_str(), env.now());
            }
            Err(error) => return Err(error),
        }
        // Also of a queue that is there, to compare its bounds.
        let durable = QueueDeclareOptions::durable();
        channel.queue_declare(queue.clone(), durable, arguments(settings)).await?;
        if fresh.settles(queue.as_str()).is_some() {
            fresh.add(queue.as_str(), env.now());
        }
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        channel.basic_qos(1, BasicQosOptions::default()).await?;
        Ok(Self {
            channel,
            queue: queue.clone(),
            numbers: Mutex::default(),
            returns: Turns::default(),
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.channel.status().connected()
    }

    /// Sends an item.
    pub(crate) async fn publish(&self, body: &Bytes) -> lapin::Result<PublisherConfirm> {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let to = self.queue.clone();
        let sent = self.channel.basic_publish("".into(), to, options, body, properties);
        let mut sent = std::pin::pin!(sent);
        let is_sent = {
            let _numbers = self.numbers.lock();
            sent.as_mut().now_or_never()
        };
        match is_sent {
            Some(sent) => sent,
            None => sent.await,
        }
    }

    /// How many items wait in it: none also where it has no leader.
    pub(crate) async fn waiting(&self) -> lapin::Result<u32> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = self.channel.queue_declare(self.queue.clone(), passive, FieldTable::default());
        Ok(queue.await?.message_count())
    }
}

fn arguments(settings: &Settings) -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(settings.max_items));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(settings.max_bytes));
    arguments
}
