//! The [`Queue`] seam: quorum queues, with confirms of pushes and acknowledgements of pops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::BoxFuture;
use guildhall_core::queue::{Popped, Queue, QueueCapabilities, QueueError, QueueErrorKind};
use lapin::options::{BasicAckOptions, BasicPublishOptions, BasicQosOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Confirmation, ErrorKind};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::link::{BLOCKED, Link};
use crate::pop::{Taken, Takers};

/// Largest item, in bytes.
const ITEM_MAX: usize = 16 << 20;

/// Items that outlive the server's process.
const PERSISTENT: u8 = 2;

/// Queues of a RabbitMQ.
pub struct RabbitQueue {
    publishing: Arc<Client>,
    takers: Arc<Takers>,
}

impl std::fmt::Debug for RabbitQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitQueue").field("settings", &self.publishing.settings).finish()
    }
}

impl RabbitQueue {
    pub(crate) fn new(publishing: &Arc<Client>, consuming: &Arc<Client>) -> Self {
        let takers = Arc::new(Takers::new(Arc::clone(consuming)));
        Self { publishing: Arc::clone(publishing), takers }
    }

    async fn append(&self, queue: &str, body: Bytes) -> Result<(), QueueError> {
        let error = |kind, message: String| QueueError { kind, operation: "push", message };
        let away = |message| error(QueueErrorKind::Unavailable, message);
        let env = &self.publishing.env;
        let name = name(&self.publishing.settings.prefix, queue).map_err(away)?;
        if body.len() > ITEM_MAX {
            return Err(away(format!("{} bytes; at most {ITEM_MAX} fit", body.len())));
        }
        let deadline = self.publishing.deadline();
        let link = self.publishing.link(deadline).await.map_err(away)?;
        if link.is_blocked() {
            return Err(away(BLOCKED.to_owned()));
        }
        let declared = link.until(env, deadline, link.declare(&name)).await;
        declared.map_err(|why| away(format!("`{queue}` cannot be made: {why}")))?;
        let kib = u32::try_from(body.len() / 1024 + 1).unwrap_or(u32::MAX);
        let room = env.until(deadline, link.room.acquire_many(kib)).await;
        let Some(Ok(_room)) = room else {
            return Err(away("too many items wait for the server; push fewer".to_owned()));
        };
        let is_out = AtomicBool::new(false);
        let pushed = async {
            let confirm = publish(&link, &name, &body).await;
            // What a channel refuses that is closed has not left this process.
            let is_here = matches!(&confirm, Err(error) if is_refused_here(error));
            is_out.store(!is_here, Ordering::Relaxed);
            confirm?.await
        };
        let pushed = link.until(env, deadline, pushed).await;
        match pushed {
            Ok(Confirmation::Ack(None)) => Ok(()),
            Ok(Confirmation::Ack(Some(_))) => {
                link.forget(&name);
                Err(away(format!("`{queue}` was deleted at the server; push again")))
            }
            Ok(Confirmation::Nack(_)) => {
                let limits = &self.publishing.settings;
                let (items, bytes) = (limits.max_items, limits.max_bytes);
                let message = format!(
                    "`{queue}` has {items} items or {bytes} bytes, which is the limit; take items faster, or push fewer"
                );
                Err(error(QueueErrorKind::Full, message))
            }
            Ok(Confirmation::NotRequested) => {
                Err(error(QueueErrorKind::Unknown, "the server confirms nothing".to_owned()))
            }
            Err(why) if is_out.load(Ordering::Relaxed) => Err(error(
                QueueErrorKind::Unknown,
                format!("no confirm of the item: {why}; it may be in the queue"),
            )),
            Err(why) => Err(away(why)),
        }
    }

    async fn confirm(&self, taken: Taken) -> Result<(), QueueError> {
        let consuming = self.takers.client();
        let deadline = consuming.deadline();
        let link = &taken.link;
        let acknowledged = async {
            if taken.acker.ack(BasicAckOptions::default()).await? {
                // The server does not answer acknowledgements. It takes what comes on a channel in order: this is answered after it.
                link.channel.basic_qos(1, BasicQosOptions::default()).await?;
            }
            Ok(())
        };
        let acknowledged = link.until(&consuming.env, deadline, acknowledged).await;
        acknowledged.map_err(|why| QueueError {
            kind: QueueErrorKind::Unknown,
            operation: "ack",
            message: format!("{why}; the item may come again"),
        })
    }
}

impl Queue for RabbitQueue {
    fn capabilities(&self) -> QueueCapabilities {
        QueueCapabilities { ack_wait: Some(self.publishing.settings.ack_wait), durable: true }
    }

    fn push<'a>(&'a self, queue: &'a str, body: Bytes) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(self.append(queue, body))
    }

    fn pop<'a>(
        &'a self,
        queue: &'a str,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Option<Popped>, QueueError>> {
        Box::pin(async move {
            let away = |message| QueueError {
                kind: QueueErrorKind::Unavailable,
                operation: "pop",
                message,
            };
            let name = name(&self.takers.client().settings.prefix, queue).map_err(away)?;
            let (answer, popped) = oneshot::channel();
            // A task of its own: what the server gives has to be given back when nobody waits for it any more.
            let taking = Arc::clone(&self.takers).take(queue.to_owned(), name, wait, answer);
            self.takers.client().env.spawn("rabbitmq.pop", taking);
            popped.await.unwrap_or_else(|_| Err("the app ends".to_owned())).map_err(away)
        })
    }

    fn ack<'a>(
        &'a self,
        queue: &'a str,
        receipt: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            match self.takers.finish(queue, receipt) {
                Some(taken) => self.confirm(taken).await,
                None => Ok(()),
            }
        })
    }
}

/// The server's name of a queue.
fn name(prefix: &str, queue: &str) -> Result<ShortString, String> {
    ShortString::try_new(format!("{prefix}.queue.{queue}")).map_err(|_| {
        let queue: String = queue.chars().take(80).collect();
        format!("`{queue}…` is too long for the name of a queue: RabbitMQ has 255 bytes, `{prefix}.queue.` included")
    })
}

async fn publish(
    link: &Link,
    queue: &ShortString,
    body: &Bytes,
) -> lapin::Result<lapin::PublisherConfirm> {
    let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    link.channel.basic_publish("".into(), queue.clone(), options, body, properties).await
}

fn is_refused_here(error: &lapin::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidConnectionState(_)
    )
}
