//! The task of one topic: dispatches casts, and subscribes again after the loss of the broker.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use guildhall_core::broker::{Delivery, Subscription};
use guildhall_core::{ServiceDesc, Status};
use guildhall_link::{Arrival, HandlerFuture, ReplyPort};
use guildhall_wire::frame::{LinkKind, Parsed, parse};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Topics, lost};
use crate::call::service::Served;
use crate::call::{Core, arrive};

/// What is to be followed.
pub(super) struct Follow {
    core: Arc<Core>,
    topics: Arc<Topics>,
    service: &'static ServiceDesc,
    name: String,
    running: Arc<Semaphore>,
}

impl Follow {
    pub(super) fn new(
        core: &Arc<Core>,
        topics: &Arc<Topics>,
        service: &'static ServiceDesc,
        name: &str,
    ) -> Self {
        let running = topics.config.running_max.clamp(1, Semaphore::MAX_PERMITS);
        let running = Arc::new(Semaphore::new(running));
        Self {
            core: Arc::clone(core),
            topics: Arc::clone(topics),
            service,
            name: name.to_owned(),
            running,
        }
    }

    pub(super) async fn subscribe(&self) -> Result<Subscription, Status> {
        let broker = self.topics.broker.get().await?;
        broker.subscribe(&self.name, self.topics.config.buffer).await.map_err(|e| lost(&e))
    }

    /// Dispatches what comes, until the app drains.
    pub(super) async fn drive(self, mut subscription: Subscription) {
        let mut chunk = BytesMut::new();
        loop {
            let next = tokio::select! {
                biased;
                () = self.core.draining.cancelled() => return,
                next = subscription.next() => next,
            };
            match next {
                Some(Delivery::Message(message)) => self.dispatch_cast(&message, &mut chunk).await,
                Some(Delivery::Lost(messages)) => {
                    self.core.counters.topic_lost.add(messages);
                    tracing::warn!(
                        topic = self.name,
                        messages,
                        "topic messages dropped: broker.buffer is full"
                    );
                }
                None => subscription = self.again().await,
            }
        }
    }

    /// Subscribes again, however long it takes.
    async fn again(&self) -> Subscription {
        let config = &self.topics.config;
        tracing::warn!(topic = self.name, "the broker was lost; casts are missed until it is back");
        let mut pause = config.retry_ms;
        loop {
            self.core.env.sleep(Duration::from_millis(pause)).await;
            let deadline = self.core.env.now() + Duration::from_millis(self.core.calls.timeout_ms);
            match self.core.env.until(deadline, self.subscribe()).await {
                Some(Ok(subscription)) => return subscription,
                Some(Err(status)) => {
                    tracing::debug!(topic = self.name, %status, "subscribe failed")
                }
                None => tracing::debug!(topic = self.name, "subscribe timed out"),
            }
            pause = (pause * 2).min(config.retry_max_ms);
        }
    }

    /// Begins the handler of one cast; one that has to wait becomes a task, of which there is a bounded number.
    async fn dispatch_cast(&self, message: &Bytes, chunk: &mut BytesMut) {
        let Ok(permit) = Arc::clone(&self.running).acquire_owned().await else { return };
        match self.dispatch(message, chunk) {
            Ok(Some(handler)) => self.run(handler, permit).await,
            Ok(None) => {}
            Err(why) => {
                self.core.counters.topic_refused.add(1);
                tracing::debug!(
                    topic = self.name,
                    why,
                    "topic message dropped: not a cast of this topic"
                );
            }
        }
    }

    fn dispatch(
        &self,
        message: &Bytes,
        chunk: &mut BytesMut,
    ) -> Result<Option<HandlerFuture>, String> {
        let parsed = parse::<LinkKind>(message, message.len()).map_err(|e| e.to_string())?;
        let Parsed::Frame(frame) = parsed else { return Err("it is no frame".to_owned()) };
        let ours = |served: &&Served| {
            let method = served.method();
            method.service == self.service.name && method.oneway
        };
        let served = self.core.services.get(frame.header.method).filter(ours);
        served.filter(|_| frame.header.kind == LinkKind::Cast).ok_or("it calls something else")?;
        let mut arrival = Arrival::parse(&frame, self.core.env.now(), chunk)?;
        // A broker does not authenticate publishers.
        if let Some(head) = &mut arrival.head {
            let head = Arc::make_mut(head);
            (head.session, head.resources) = (None, 0);
            head.caller.clear();
            head.chain.clear();
        }
        Ok(arrive::begin(&self.core, arrival, ReplyPort::none()))
    }

    async fn run(&self, mut handler: HandlerFuture, permit: OwnedSemaphorePermit) {
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(handler.as_mut().poll(cx)));
        if first.await.is_ready() {
            return;
        }
        self.core.env.spawn("handler", async move {
            handler.await;
            drop(permit);
        });
    }
}
