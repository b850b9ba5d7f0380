//! [`RedisQueue`]: the [`Queue`] seam over streams.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::BoxFuture;
use guildhall_core::queue::{Popped, Queue, QueueCapabilities, QueueError, QueueErrorKind};
use redis::{Script, Value};
use tokio::sync::mpsc;

use crate::client::{Again, Client};
use crate::config::Persistence;
use crate::events::{Events, Subscribed};
use crate::fault::{Fault, damaged};
use crate::reply::{Items, Wrong, uint};
use crate::script::{Args, script};

/// Bytes of one item.
const BODY_MAX: usize = 16 << 20;
/// A waiting pop looks again after so long, though nobody has told it of an item.
const LOOK: Duration = Duration::from_secs(5);

/// Queues of a Redis server.
pub struct RedisQueue {
    client: Arc<Client>,
    events: Events,
    push: Script,
    pop: Script,
    ack: Script,
}

/// What a pop has found.
enum Found {
    Item(Popped),
    /// Nothing; an item may be late after that time.
    Nothing(Option<Duration>),
}

impl RedisQueue {
    pub(crate) fn new(client: Arc<Client>, events: Events) -> Self {
        Self {
            client,
            events,
            push: script!("shared", "queues", "queue_push"),
            pop: script!("shared", "queues", "queue_pop"),
            ack: script!("shared", "queues", "queue_ack"),
        }
    }

    fn args(&self, queue: &str) -> Args {
        let mut args = Args::default();
        args.text(&self.client.settings.prefix).text(queue);
        args
    }

    async fn try_pop(&self, queue: &str) -> Result<Found, QueueError> {
        let mut args = self.args(queue);
        let ack_wait = self.client.settings.ack_wait.as_millis();
        args.uint(u64::try_from(ack_wait).unwrap_or(u64::MAX));
        let answer = self.client.call(&self.pop, &args, Again::No, true).await;
        let answer = answer.map_err(|fault| failed("pop", fault))?;
        found(answer).map_err(|why| failed("pop", Fault::Damaged(why)))
    }

    /// Tells of pushes from now on; the stream ends when the connection is lost.
    async fn pushes(&self, queue: &str) -> Result<(Subscribed, mpsc::Receiver<()>), QueueError> {
        let channel = format!("{}:pushed:{queue}", self.client.settings.prefix);
        let (pushed, pushes) = mpsc::channel(1);
        let sink = move |_| {
            // One that is told of is as good as many.
            let _is_told = pushed.try_send(());
            true
        };
        let subscribed = self.events.subscribe(&channel, Box::new(sink)).await;
        Ok((subscribed.map_err(|why| failed("pop", Fault::Away(why)))?, pushes))
    }
}

impl std::fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisQueue").field(&self.client.settings).finish()
    }
}

impl Queue for RedisQueue {
    fn capabilities(&self) -> QueueCapabilities {
        let durable = self.client.persistence() != Persistence::None;
        QueueCapabilities {
            ack_wait: Some(self.client.settings.ack_wait),
            returns_on_disconnect: false,
            durable,
        }
    }

    fn push<'a>(&'a self, queue: &'a str, body: Bytes) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            if body.len() > BODY_MAX {
                return Err(full(&format!(
                    "the item has {} bytes, and {BODY_MAX} fit",
                    body.len()
                )));
            }
            let items = self.client.settings.queue_items;
            let mut args = self.args(queue);
            args.bytes(body).count(items);
            let answer = self.client.call(&self.push, &args, Again::No, true).await;
            let answer = answer.map_err(|fault| failed("push", fault))?;
            let came_to = Items::of(answer).and_then(|mut items| items.text());
            match came_to.map_err(|why| failed("push", Fault::Damaged(why)))?.as_str() {
                "done" => Ok(()),
                _ => Err(full(&format!(
                    "`{queue}` has {items} items (queue_items); take items faster, or push fewer"
                ))),
            }
        })
    }

    fn pop<'a>(
        &'a self,
        queue: &'a str,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Option<Popped>, QueueError>> {
        Box::pin(async move {
            let env = &self.client.env;
            let end = env.now() + wait;
            let mut pushes = None;
            loop {
                let next = match self.try_pop(queue).await? {
                    Found::Item(popped) => return Ok(Some(popped)),
                    Found::Nothing(next) => next.unwrap_or(LOOK).min(LOOK),
                };
                let now = env.now();
                if now >= end {
                    return Ok(None);
                }
                let Some((_, told)) = &mut pushes else {
                    // What is pushed before this is there is found by the next look.
                    pushes = Some(self.pushes(queue).await?);
                    continue;
                };
                if let Some(None) = env.until((now + next).min(end), told.recv()).await {
                    pushes = None;
                }
            }
        })
    }

    fn ack<'a>(
        &'a self,
        queue: &'a str,
        receipt: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let Some((id, delivery)) = parts(receipt) else { return Ok(()) };
            let mut args = self.args(queue);
            args.text(id).text(delivery);
            let done = self.client.call(&self.ack, &args, Again::Yes, true).await;
            done.map(drop).map_err(|fault| failed("ack", fault))
        })
    }
}

fn found(answer: Value) -> Result<Found, Wrong> {
    let mut items = Items::of(answer)?;
    if items.text()? != "item" {
        let ms = Some(items.text()?).filter(|ms| !ms.is_empty());
        let ms = ms.map(|ms| uint(&ms)).transpose()?;
        return Ok(Found::Nothing(ms.map(Duration::from_millis)));
    }
    let (id, delivery, body) = (items.text()?, items.uint()?, items.bytes()?);
    let attempt = u32::try_from(delivery).unwrap_or(u32::MAX);
    Ok(Found::Item(Popped { body: body.into(), receipt: format!("{id}:{delivery}"), attempt }))
}

/// The id of an item and its delivery; none of what this never gave out.
fn parts(receipt: &str) -> Option<(&str, &str)> {
    let (id, delivery) = receipt.split_once(':')?;
    let (ms, number) = id.split_once('-')?;
    [ms, number, delivery].iter().all(|part| uint(part).is_ok()).then_some((id, delivery))
}

fn failed(operation: &'static str, fault: Fault) -> QueueError {
    let (kind, message) = match fault {
        Fault::Away(why) | Fault::Refused(why) => (QueueErrorKind::Unavailable, why),
        Fault::Unknown(why) => (QueueErrorKind::Unknown, why),
        Fault::Damaged(why) => (QueueErrorKind::Unavailable, damaged(&why)),
    };
    QueueError { kind, operation, message }
}

fn full(why: &str) -> QueueError {
    QueueError { kind: QueueErrorKind::Full, operation: "push", message: why.to_owned() }
}
