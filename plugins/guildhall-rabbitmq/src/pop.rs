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
use crate::failure::{AGAIN, Failure, FailureKind};
use crate::lane::Lane;
use crate::link::Link;

/// Items that may wait for their acknowledgements at a time.
const TAKEN_MAX: usize = 65_536;

/// The pause after a failed try. RabbitMQ ends the connection when a queue without a leader is asked for an item, which gives back all
/// items that the app has popped: it must not happen often.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// RabbitMQ gives unacknowledged items to others when a channel closes, and after half an hour. `ack_wait` is kept here.
pub(crate) struct Takers {
    consuming: Arc<Client>,
    /// Of this process: receipts of another one mean nothing here.
    life: u64,
    count: AtomicU64,
    /// By the number of the pop.
    taken: Mutex<BTreeMap<u64, Taken>>,
}

/// An item that was popped and not acknowledged yet.
pub(crate) struct Taken {
    pub(crate) acker: Acker,
    queue: String,
    /// When it is given back.
    end: Instant,
    pub(crate) link: Arc<Link>,
    pub(crate) lane: Arc<Lane>,
    /// Its end ends the wait for the acknowledgement.
    _waits: oneshot::Sender<()>,
}

pub(crate) type Answer = oneshot::Sender<Result<Option<Popped>, String>>;

type Next = Result<Option<(Arc<Link>, Arc<Lane>, Delivery)>, String>;

/// Why a pop has no item yet.
enum Stopped {
    Failed(Failure),
    /// The connection was lost during the wait, or the queue deleted.
    Waiting,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

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
        let (life, number) = receipt.split_once('.')?;
        let number = number.parse().ok().filter(|_| life == format!("{:x}", self.life))?;
        let mut taken = self.taken.lock();
        let is_there = taken.get(&number).is_some_and(|taken| taken.queue == queue);
        is_there.then(|| taken.remove(&number)).flatten()
    }

    /// Answers with an item and waits for its acknowledgement, or answers that there is none.
    pub(crate) async fn take(
        self: Arc<Self>,
        queue: String,
        name: ShortString,
        wait: Duration,
        mut answer: Answer,
    ) {
        let (link, lane, delivery) = match self.next(&name, wait, &mut answer).await {
            Ok(Some(item)) => item,
            Ok(None) => return drop(answer.send(Ok(None))),
            Err(why) => return drop(answer.send(Err(why))),
        };
        let env = &self.consuming.env;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let popped = Popped {
            attempt: attempt(&delivery),
            body: delivery.data.into(),
            receipt: format!("{:x}.{number}", self.life),
        };
        let (waits, acknowledged) = oneshot::channel();
        let end = env.now() + self.consuming.settings.ack_wait;
        let (acker, of) = (delivery.acker, Arc::clone(&lane));
        let taken = Taken { acker, queue, end, link, lane: of, _waits: waits };
        self.taken.lock().insert(number, taken);
        if answer.send(Ok(Some(popped))).is_ok() {
            let _acknowledged_or_late = env.until(end, acknowledged).await;
        }
        self.give_back(number, &lane).await;
    }

    /// Gives an item back unless it is acknowledged, after those of its queue that are due and were popped before it: RabbitMQ delivers
    /// them in the order in which they come back.
    async fn give_back(&self, number: u64, lane: &Lane) {
        if !self.taken.lock().contains_key(&number) {
            return;
        }
        let env = &self.consuming.env;
        let _turn = lane.returns.lock().await;
        let due: Vec<Taken> = {
            let (mut taken, now) = (self.taken.lock(), env.now());
            let is_due = |(other, taken): (&u64, &Taken)| {
                let is_due = std::ptr::eq(&*taken.lane, lane) && taken.end <= now;
                (*other == number || is_due).then_some(*other)
            };
            let due: Vec<u64> = taken.iter().filter_map(is_due).collect();
            due.iter().filter_map(|number| taken.remove(number)).collect()
        };
        for taken in due {
            let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            let given = taken.acker.nack(requeue);
            // The channel is closed when that fails, which gives back all that it has taken.
            let deadline = self.consuming.deadline();
            let _done = taken.link.until_on(&taken.lane, env, deadline, given).await;
        }
    }

    /// The next item, waiting for it as long as the answer is waited for. A wait begins anew when its connection is lost.
    async fn next(&self, name: &ShortString, wait: Duration, answer: &mut Answer) -> Next {
        let env = &self.consuming.env;
        let (mut deadline, end) = (self.consuming.deadline(), env.now() + wait);
        if self.taken.lock().len() >= TAKEN_MAX {
            return Err(format!(
                "{TAKEN_MAX} items wait for their acknowledgements; acknowledge them first"
            ));
        }
        loop {
            let pause = match self.look(name, deadline, end, answer).await {
                Ok(item) => return Ok(item),
                Err(Stopped::Waiting) => {
                    deadline = self.consuming.deadline();
                    AGAIN
                }
                Err(Stopped::Failed(Failure { kind, why })) => {
                    if kind != FailureKind::Passing || env.now() + AFTER_FAILURE >= deadline {
                        return Err(why);
                    }
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = answer.closed() => return Ok(None),
                () = env.sleep(pause) => {}
            }
        }
    }

    /// One try.
    async fn look(
        &self,
        name: &ShortString,
        deadline: Instant,
        end: Instant,
        answer: &mut Answer,
    ) -> Result<Option<(Arc<Link>, Arc<Lane>, Delivery)>, Stopped> {
        let env = &self.consuming.env;
        let link = self.consuming.link(deadline).await?;
        let lane = link.until(env, deadline, link.lane(env, name)).await?;
        let got = lane.channel.basic_get(name.clone(), BasicGetOptions::default());
        if let Some(message) = link.until_on(&lane, env, deadline, got).await? {
            return Ok(Some((link, lane, message.delivery)));
        }
        if env.now() >= end {
            return Ok(None);
        }
        let delivery = self.consume(&link, &lane, end, answer).await?;
        Ok(delivery.map(|delivery| (link, lane, delivery)))
    }

    /// Waits as a consumer of one item: what is pushed meanwhile is not kept from others that wait.
    async fn consume(
        &self,
        link: &Arc<Link>,
        lane: &Arc<Lane>,
        end: Instant,
        answer: &mut Answer,
    ) -> Result<Option<Delivery>, Stopped> {
        let (env, name) = (&self.consuming.env, lane.queue.clone());
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let begun = lane.channel.basic_consume(name, "".into(), options, none);
        let mut consumer = link.until_on(lane, env, self.consuming.deadline(), begun).await?;
        let first = tokio::select! {
            biased;
            next = consumer.next() => Some(next),
            () = answer.closed() => None,
            () = env.sleep_until(end) => None,
        };
        if let Some(None | Some(Err(_))) = first {
            link.forget(lane.queue.as_str());
            return Err(Stopped::Waiting);
        }
        let options = BasicCancelOptions::default();
        let cancelled = lane.channel.basic_cancel(consumer.tag(), options);
        // Where that fails the channel is closed, and the item comes again.
        link.until_on(lane, env, self.consuming.deadline(), cancelled).await?;
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
