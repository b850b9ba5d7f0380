//! [`Takers`]: takes items out of queues, and gives back those that nobody acknowledges.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use guildhall_core::env::Instant;
use guildhall_core::queue::Popped;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Acker, Consumer};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::attempt::attempt;
use crate::client::Client;
use crate::link::Link;

/// Items that may wait for their acknowledgements at a time.
const TAKEN_MAX: usize = 65_536;

/// RabbitMQ gives unacknowledged items to others when a channel closes, and after half an hour. `ack_wait` is kept here.
pub(crate) struct Takers {
    consuming: Arc<Client>,
    /// Of this process: receipts of another one mean nothing here.
    life: u64,
    count: AtomicU64,
    taken: Mutex<BTreeMap<String, (String, Taken)>>,
}

/// An item that was popped and not acknowledged yet.
pub(crate) struct Taken {
    pub(crate) acker: Acker,
    pub(crate) link: Arc<Link>,
    /// Its end ends the wait for the acknowledgement.
    _waits: oneshot::Sender<()>,
}

pub(crate) type Answer = oneshot::Sender<Result<Option<Popped>, String>>;

impl Takers {
    pub(crate) fn new(consuming: Arc<Client>) -> Self {
        let life = consuming.env.random();
        Self { consuming, life, count: AtomicU64::new(0), taken: Mutex::default() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.consuming
    }

    /// The item of that receipt, unless it was given back or acknowledged.
    pub(crate) fn finish(&self, queue: &str, receipt: &str) -> Option<Taken> {
        let mut taken = self.taken.lock();
        let is_there = taken.get(receipt).is_some_and(|(of, _)| of == queue);
        is_there.then(|| taken.remove(receipt)).flatten().map(|(_, taken)| taken)
    }

    /// Answers with an item and waits for its acknowledgement, or answers that there is none.
    pub(crate) async fn take(
        self: Arc<Self>,
        queue: String,
        name: ShortString,
        wait: Duration,
        mut answer: Answer,
    ) {
        let (link, delivery) = match self.next(&name, wait, &mut answer).await {
            Ok(Some(item)) => item,
            Ok(None) => return drop(answer.send(Ok(None))),
            Err(why) => return drop(answer.send(Err(why))),
        };
        let env = &self.consuming.env;
        let receipt = format!("{:x}.{}", self.life, self.count.fetch_add(1, Ordering::Relaxed));
        let popped = Popped {
            attempt: attempt(&delivery),
            body: delivery.data.into(),
            receipt: receipt.clone(),
        };
        let (waits, acknowledged) = oneshot::channel();
        let taken = Taken { acker: delivery.acker, link, _waits: waits };
        let end = env.now() + self.consuming.settings.ack_wait;
        self.taken.lock().insert(receipt.clone(), (queue.clone(), taken));
        if answer.send(Ok(Some(popped))).is_ok() {
            let _acknowledged_or_late = env.until(end, acknowledged).await;
        }
        if let Some(taken) = self.finish(&queue, &receipt) {
            self.give_back(taken).await;
        }
    }

    async fn give_back(&self, taken: Taken) {
        let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        let given = taken.acker.nack(requeue);
        // The link is replaced when that fails, which gives all its items back.
        let _done = taken.link.until(&self.consuming.env, self.consuming.deadline(), given).await;
    }

    /// The next item, waiting for it as long as the answer is waited for.
    async fn next(
        &self,
        name: &ShortString,
        wait: Duration,
        answer: &mut Answer,
    ) -> Result<Option<(Arc<Link>, Delivery)>, String> {
        let env = &self.consuming.env;
        let (deadline, end) = (self.consuming.deadline(), env.now() + wait);
        if self.taken.lock().len() >= TAKEN_MAX {
            return Err(format!(
                "{TAKEN_MAX} items wait for their acknowledgements; acknowledge them first"
            ));
        }
        let link = self.consuming.link(deadline).await?;
        let got = async {
            link.declare(name).await?;
            link.channel.basic_get(name.clone(), BasicGetOptions::default()).await
        };
        let got = link.until(env, deadline, got).await;
        let got = got.inspect_err(|_| link.forget(name))?;
        if let Some(message) = got {
            return Ok(Some((link, message.delivery)));
        }
        if env.now() >= end {
            return Ok(None);
        }
        let delivery = self.consume(&link, name, end, answer).await?;
        Ok(delivery.map(|delivery| (link, delivery)))
    }

    /// Waits as a consumer of one item: what is pushed meanwhile is not kept from others that wait.
    async fn consume(
        &self,
        link: &Arc<Link>,
        name: &ShortString,
        end: Instant,
        answer: &mut Answer,
    ) -> Result<Option<Delivery>, String> {
        let env = &self.consuming.env;
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let begun = link.channel.basic_consume(name.clone(), "".into(), options, none);
        let mut consumer = link.until(env, self.consuming.deadline(), begun).await?;
        let first = tokio::select! {
            biased;
            next = consumer.next() => Some(next),
            () = answer.closed() => None,
            () = env.sleep_until(end) => None,
        };
        if let Some(None | Some(Err(_))) = first {
            link.forget(name);
            return Err("the connection was lost, or the queue deleted, during the wait".to_owned());
        }
        let options = BasicCancelOptions::default();
        let cancelled = link.channel.basic_cancel(consumer.tag(), options);
        // Where that fails the link is replaced, and the item comes again.
        link.until(env, self.consuming.deadline(), cancelled).await?;
        match first {
            Some(Some(Ok(delivery))) => Ok(Some(delivery)),
            _ => Ok(last(&mut consumer).await),
        }
    }
}

/// What had come before the consumer was cancelled.
async fn last(consumer: &mut Consumer) -> Option<Delivery> {
    consumer.next().await.and_then(Result::ok)
}
