//! One direction of messages, over a queue or over a topic: [`Outlet`] and [`Inlet`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use guildhall_core::broker::{Broker, Delivery, Subscription};
use guildhall_core::queue::Queue;
use guildhall_core::{Backend, Env};

/// Messages of a topic that may wait for this process; it loses what is beyond them, and counts it.
const BUFFER: usize = 1024;
/// How long one pop waits, and how long a lost backend is left alone.
const WAIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// Where messages are put.
pub enum Outlet {
    /// Each goes to one receiver, and waits for it.
    Queue(Arc<dyn Queue>, String),
    /// Each goes to every receiver that is there.
    Topic(Arc<dyn Broker>, String),
}

/// Where messages come out.
pub struct Inlet {
    env: Env,
    from: From,
    /// Messages of the topic that never came, as far as the backend tells.
    pub lost: u64,
}

enum From {
    Queue(Arc<dyn Queue>, String),
    Topic(Arc<dyn Broker>, String, Option<Subscription>),
}

/// A message that has to be acknowledged once it is handled.
#[derive(Debug)]
pub struct Received {
    /// The message.
    pub body: Bytes,
    /// Larger than 1 where an earlier receiver ended before it had acknowledged the message.
    pub attempt: u32,
    receipt: Option<String>,
}

fn queue(backend: &Backend) -> Result<Arc<dyn Queue>> {
    backend.queue.clone().context("this backend has no queues; take another URL")
}

fn broker(backend: &Backend) -> Result<Arc<dyn Broker>> {
    backend.broker.clone().context("this backend has no topics; take another URL")
}

impl Outlet {
    /// To the queue of that name.
    ///
    /// # Errors
    /// The backend has no queues.
    pub fn queue(backend: &Backend, name: impl Into<String>) -> Result<Self> {
        Ok(Self::Queue(queue(backend)?, name.into()))
    }

    /// To the topic of that name.
    ///
    /// # Errors
    /// The backend has no topics.
    pub fn topic(backend: &Backend, name: impl Into<String>) -> Result<Self> {
        Ok(Self::Topic(broker(backend)?, name.into()))
    }

    /// Puts a message.
    ///
    /// # Errors
    /// The queue is full, or the backend is away: the sender decides whether to drop the message, to wait, or to tell the player.
    pub async fn send(&self, body: Bytes) -> Result<()> {
        match self {
            Self::Queue(queue, name) => queue.push(name, body).await.map_err(Into::into),
            Self::Topic(broker, name) => broker.publish(name, body).await.map_err(Into::into),
        }
    }
}

impl Inlet {
    /// From the queue of that name.
    ///
    /// # Errors
    /// The backend has no queues.
    pub fn queue(env: &Env, backend: &Backend, name: impl Into<String>) -> Result<Self> {
        let from = From::Queue(queue(backend)?, name.into());
        Ok(Self { env: env.clone(), from, lost: 0 })
    }

    /// From the topic of that name, from now on.
    ///
    /// # Errors
    /// The backend has no topics, or it is away.
    pub async fn topic(env: &Env, backend: &Backend, name: impl Into<String>) -> Result<Self> {
        let (broker, name) = (broker(backend)?, name.into());
        let subscription = Some(broker.subscribe(&name, BUFFER).await?);
        Ok(Self { env: env.clone(), from: From::Topic(broker, name, subscription), lost: 0 })
    }

    /// The next message. A backend that is lost is waited for; what a topic lost meanwhile is counted where the backend tells it.
    ///
    /// # Cancel safety
    /// No message is lost.
    pub async fn next(&mut self) -> Received {
        loop {
            match self.try_next().await {
                Ok(Some(received)) => return received,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "no messages for the moment; trying again");
                    self.env.sleep(PAUSE).await;
                }
            }
        }
    }

    async fn try_next(&mut self) -> Result<Option<Received>> {
        match &mut self.from {
            From::Queue(queue, name) => {
                let popped = queue.pop(name, WAIT).await?;
                Ok(popped.map(|item| Received {
                    body: item.body,
                    attempt: item.attempt,
                    receipt: Some(item.receipt),
                }))
            }
            From::Topic(broker, name, subscription) => {
                let messages = match subscription {
                    Some(messages) => messages,
                    None => subscription.insert(broker.subscribe(name, BUFFER).await?),
                };
                match messages.next().await {
                    Some(Delivery::Message(body)) => {
                        Ok(Some(Received { body, attempt: 1, receipt: None }))
                    }
                    Some(Delivery::Lost(messages)) => {
                        self.lost += messages;
                        Ok(None)
                    }
                    None => {
                        *subscription = None;
                        Err(anyhow!("the subscription of `{name}` has ended: its backend was lost"))
                    }
                }
            }
        }
    }

    /// Says that a message was handled. Until then a queue that keeps its items gives it to somebody else after a while.
    pub async fn ack(&self, received: &Received) {
        if let (From::Queue(queue, name), Some(receipt)) = (&self.from, &received.receipt)
            && let Err(error) = queue.ack(name, receipt).await
        {
            // It comes again: the game must not mind.
            tracing::warn!(%error, "a handled message is not acknowledged and comes again");
        }
    }
}
