//! The [`Queue`] seam: quorum queues, with confirms of pushes and acknowledgements of pops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::BoxFuture;
use guildhall_core::env::Instant;
use guildhall_core::queue::{Popped, Queue, QueueCapabilities, QueueError, QueueErrorKind};
use lapin::options::{BasicAckOptions, BasicQosOptions};
use lapin::types::ShortString;
use lapin::{Confirmation, ErrorKind};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::failure::{AGAIN, Failure, FailureKind};
use crate::link::BLOCKED;
use crate::pop::{Taken, Takers};

/// Largest item, in bytes.
const ITEM_MAX: usize = 16 << 20;

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

/// Why an item is not in the queue, or may be.
enum Refusal {
    NotPushed(Failure),
    Unknown(String),
    Full,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::NotPushed(failure)
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
        let Client { env, settings, .. } = &*self.publishing;
        let name = name(&settings.prefix, queue).map_err(away)?;
        if body.len() > ITEM_MAX {
            return Err(away(format!("{} bytes; at most {ITEM_MAX} fit", body.len())));
        }
        let deadline = self.publishing.deadline();
        // The last try needs time for its answer: an item that was sent and not confirmed may be in the queue.
        let last_try = env.now() + deadline.saturating_duration_since(env.now()) / 2;
        loop {
            let why = match self.offer(&name, &body, deadline).await {
                Ok(()) => return Ok(()),
                Err(Refusal::Full) => {
                    let (items, bytes) = (settings.max_items, settings.max_bytes);
                    let message = format!(
                        "`{queue}` has {items} items or {bytes} bytes, which is the limit; take items faster, or push fewer"
                    );
                    return Err(error(QueueErrorKind::Full, message));
                }
                Err(Refusal::Unknown(why)) => {
                    let message = format!("no confirm of the item: {why}; it may be in the queue");
                    return Err(error(QueueErrorKind::Unknown, message));
                }
                Err(Refusal::NotPushed(failure)) => failure,
            };
            if why.kind != FailureKind::Passing || env.now() + AGAIN >= last_try {
                return Err(away(format!("`{queue}`: {}", why.why)));
            }
            env.sleep(AGAIN).await;
        }
    }

    /// One try.
    async fn offer(
        &self,
        name: &ShortString,
        body: &Bytes,
        deadline: Instant,
    ) -> Result<(), Refusal> {
        let env = &self.publishing.env;
        let link = self.publishing.link(deadline).await?;
        if link.is_blocked() {
            return Err(Failure::refused(BLOCKED).into());
        }
        let lane = link.until(env, deadline, link.lane(env, name)).await?;
        if let Some(settles) = link.settles(name) {
            if settles >= deadline {
                env.sleep_until(deadline).await;
                return Err(Failure::late("it was made just now; push again").into());
            }
            env.sleep_until(settles).await;
        }
        let kib = u32::try_from(body.len() / 1024 + 1).unwrap_or(u32::MAX);
        let room = env.until(deadline, link.room.acquire_many(kib)).await;
        let Some(Ok(_room)) = room else {
            return Err(Failure::late("too many items wait for the server; push fewer").into());
        };
        let is_out = AtomicBool::new(false);
        let pushed = async {
            let confirm = lane.publish(body).await;
            // What a channel refuses that is closed has not left this process.
            let is_here = matches!(&confirm, Err(error) if is_refused_here(error));
            is_out.store(!is_here, Ordering::Relaxed);
            confirm?.await
        };
        match link.until_on(&lane, env, deadline, pushed).await {
            Ok(Confirmation::Ack(Some(returned))) if returned.routing_key == *name => {
                link.forget(name.as_str());
                Err(Failure::passing("it was deleted at the server").into())
            }
            Ok(Confirmation::Ack(_)) => Ok(()),
            Ok(Confirmation::Nack(_)) => {
                // RabbitMQ refuses items also while a queue has no leader, and then finds nothing in it.
                match link.until_on(&lane, env, deadline, lane.waiting()).await? {
                    0 => Err(Failure::passing("it has no leader").into()),
                    _ => Err(Refusal::Full),
                }
            }
            Ok(Confirmation::NotRequested) => {
                Err(Refusal::Unknown("the server confirms nothing".to_owned()))
            }
            Err(failure) if is_out.load(Ordering::Relaxed) => Err(Refusal::Unknown(failure.why)),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn confirm(&self, taken: Taken) -> Result<(), QueueError> {
        let consuming = self.takers.client();
        let deadline = consuming.deadline();
        let link = &taken.link;
        let acknowledged = async {
            if taken.acker.ack(BasicAckOptions::default()).await? {
                // The server does not answer acknowledgements. It takes what comes on a channel in order: this is answered after it.
                taken.lane.channel.basic_qos(1, BasicQosOptions::default()).await?;
            }
            Ok(())
        };
        let env = &consuming.env;
        let acknowledged = link.until_on(&taken.lane, env, deadline, acknowledged).await;
        acknowledged.map_err(|failure| QueueError {
            kind: QueueErrorKind::Unknown,
            operation: "ack",
            message: format!("{}; the item may come again", failure.why),
        })
    }
}

impl Queue for RabbitQueue {
    fn capabilities(&self) -> QueueCapabilities {
        QueueCapabilities {
            ack_wait: Some(self.publishing.settings.ack_wait),
            returns_on_disconnect: true,
            durable: true,
        }
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

fn is_refused_here(error: &lapin::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidConnectionState(_)
    )
}
