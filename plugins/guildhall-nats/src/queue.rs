//! The [`Queue`] seam on a work queue of JetStream: one stream for all queues, with a subject and a durable consumer for each.

mod receipts;
mod name;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use async_nats::{Message, StatusCode, jetstream};
use bytes::Bytes;
use futures_util::StreamExt as _;
use guildhall_core::env::Instant;
use guildhall_core::queue::{Popped, Queue, QueueCapabilities, QueueError};
use guildhall_core::{BoxFuture, outside};
use parking_lot::Mutex;

use crate::client::Client;
use crate::fault::Fault;
use name::{failed, token};
use receipts::Receipts;

/// Queues that one client may pop from.
const QUEUES_MAX: usize = 4096;
/// Longest wait of one request to the server; longer waits are several.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Attempts at a pop whose consumer is not there.
const ATTEMPTS_MAX: usize = 3;

/// Queues in a stream of JetStream.
#[derive(Debug)]
pub struct NatsQueue {
    client: Arc<Client>,
    stream: Mutex<Option<Stream>>,
    /// The queues whose consumer is made.
    consumed: Mutex<BTreeSet<String>>,
    receipts: Mutex<Receipts>,
}

impl NatsQueue {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        let receipts = Mutex::new(Receipts::new(client.settings.queue_ack));
        Self { client, stream: Mutex::default(), consumed: Mutex::default(), receipts }
    }

    fn subject(&self, token: &str) -> String {
        format!("{}.queue.{token}", self.client.space)
    }

    fn stream_name(&self) -> String {
        self.client.stream_name("queue")
    }

    /// The stream, made if it is not there.
    async fn stream(&self) -> Result<Stream, Fault> {
        let known = self.stream.lock().clone();
        if let Some(stream) = known {
            return Ok(stream);
        }
        let settings = &self.client.settings;
        let config = Config {
            name: self.stream_name(),
            subjects: vec![self.subject("*")],
            retention: RetentionPolicy::WorkQueue,
            max_messages_per_subject: settings.queue_items,
            max_bytes: settings.queue_bytes,
            max_messages: -1,
            max_consumers: -1,
            discard: DiscardPolicy::New,
            discard_new_per_subject: true,
            storage: StorageType::File,
            num_replicas: settings.replicas,
            ..Config::default()
        };
        let made = Box::pin(self.client.jetstream.get_or_create_stream(config));
        let made = self.client.run(made).await?;
        *self.stream.lock() = Some(made.clone());
        Ok(made)
    }

    /// It may have been removed.
    fn forget(&self, token: &str) {
        *self.stream.lock() = None;
        self.consumed.lock().remove(token);
    }

    /// Makes the consumer of a queue, if this client has not.
    async fn consumer(&self, token: &str) -> Result<(), Fault> {
        if self.consumed.lock().contains(token) {
            return Ok(());
        }
        if self.consumed.lock().len() >= QUEUES_MAX {
            return Err(Fault::Refused(format!("this app pops from {QUEUES_MAX} queues already")));
        }
        let config = pull::Config {
            durable_name: Some(token.to_owned()),
            filter_subject: self.subject(token),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.client.settings.queue_ack,
            max_deliver: -1,
            // Items are bounded by the stream.
            max_ack_pending: -1,
            max_waiting: 4096,
            ..Default::default()
        };
        let stream = self.stream().await?;
        self.client.run(Box::pin(stream.create_consumer(config))).await?;
        self.consumed.lock().insert(token.to_owned());
        Ok(())
    }

    async fn push_once(&self, token: &str, body: Bytes) -> Result<(), Fault> {
        self.stream().await?;
        let message = PublishMessage::build().payload(body);
        let pushed = self.client.run(async {
            self.client.jetstream.send_publish(self.subject(token), message).await?.await
        });
        pushed.await.map(drop)
    }

    async fn pop_until(&self, token: &str, end: Instant) -> Result<Option<Popped>, Fault> {
        let (env, mut missing) = (&self.client.env, 0);
        loop {
            self.consumer(token).await?;
            let left = end.saturating_duration_since(env.now()).min(WAIT_MAX);
            let message = self.next(token, left).await?;
            match message.status {
                None => return self.take(message).map(Some),
                Some(StatusCode::NO_RESPONDERS) if missing < ATTEMPTS_MAX => {
                    missing += 1;
                    self.forget(token);
                }
                Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => {
                    let left = end.saturating_duration_since(env.now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    if left < Duration::from_millis(10) {
                        // The server was a little early.
                        env.sleep(left).await;
                    }
                }
                Some(status) => {
                    self.forget(token);
                    let why = message.description.unwrap_or_default();
                    return Err(Fault::Refused(format!("{status} {}", outside(&why))));
                }
            }
        }
    }

    /// The next item, or the status that says that there is none. An inbox of its own ends when this is dropped, so that the server
    /// gives no item to a pop that has ended.
    async fn next(&self, token: &str, wait: Duration) -> Result<Message, Fault> {
        let client = &self.client;
        let link = client.up().await?;
        let inbox = client.nats.new_inbox();
        let mut answers = client.send(client.nats.subscribe(inbox.clone())).await?;
        let ask = match wait.as_nanos() {
            0 => r#"{"batch":1,"no_wait":true}"#.to_owned(),
            ns => format!(r#"{{"batch":1,"expires":{ns}}}"#),
        };
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{token}", self.stream_name());
        client.send(client.nats.publish_with_reply(next, inbox, ask.into())).await?;
        let late = client.env.now() + wait + client.settings.deadline;
        let answer = client.env.until(late, async {
            tokio::select! {
                biased;
                answer = answers.next() => answer,
                () = client.lost(link) => None,
            }
        });
        let lost = || Fault::Lost("the connection was lost before the answer".to_owned());
        let answer = answer.await.ok_or_else(|| client.late()).and_then(|it| it.ok_or_else(lost));
        client.note(answer)
    }

    fn take(&self, message: Message) -> Result<Popped, Fault> {
        let now = self.client.env.now();
        let (context, body) = (self.client.jetstream.clone(), message.payload.clone());
        let message = jetstream::Message { message, context };
        let garbled = |error: async_nats::Error| Fault::Refused(error.to_string());
        let attempt = message.info().map_err(garbled)?.delivered;
        let receipt = message.reply.as_ref().map(ToString::to_string).unwrap_or_default();
        self.receipts.lock().add(receipt.clone(), now);
        Ok(Popped { body, receipt, attempt: u32::try_from(attempt.max(1)).unwrap_or(u32::MAX) })
    }
}

impl Queue for NatsQueue {
    fn capabilities(&self) -> QueueCapabilities {
        QueueCapabilities {
            ack_wait: Some(self.client.settings.queue_ack),
            returns_on_disconnect: false,
            durable: true,
        }
    }

    fn push<'a>(&'a self, queue: &'a str, body: Bytes) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            let token = token("push", queue)?;
            let mut pushed = self.push_once(&token, body.clone()).await;
            if pushed == Err(Fault::NoStream) {
                self.forget(&token);
                pushed = self.push_once(&token, body).await;
            }
            pushed.map_err(|fault| failed("push", &fault))
        })
    }

    fn pop<'a>(
        &'a self,
        queue: &'a str,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Option<Popped>, QueueError>> {
        Box::pin(async move {
            let token = token("pop", queue)?;
            let end = self.client.env.now() + wait;
            self.pop_until(&token, end).await.map_err(|fault| failed("pop", &fault))
        })
    }

    /// The server takes an acknowledgement for the item, whichever delivery it is of. So this client sends it only while the item
    /// cannot have been delivered again, by its own clock.
    fn ack<'a>(
        &'a self,
        _queue: &'a str,
        receipt: &'a str,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            if !self.receipts.lock().is_good(receipt, self.client.env.now()) {
                return Ok(());
            }
            let acked = self.client.nats.request(receipt.to_owned(), Bytes::from_static(b"+ACK"));
            let acked = self.client.run(acked).await;
            acked.map_err(|fault| failed("ack", &fault))?;
            self.receipts.lock().remove(receipt);
            Ok(())
        })
    }
}
