//! [`Events`]: subscriptions to channels, on one connection of their own.

mod watch;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::Notify;

use crate::client::Client;
use crate::dial::Live;

pub(crate) use watch::Read;

/// How often a connection without other traffic is asked whether it works.
const PING: Duration = Duration::from_secs(1);

/// Takes what comes on a channel; false where it does not want more.
pub(crate) type Sink = Box<dyn Fn(Bytes) -> bool + Send>;

/// The subscriptions of one app.
#[derive(Clone)]
pub(crate) struct Events(Arc<Inner>);

struct Inner {
    client: Arc<Client>,
    board: Mutex<Board>,
    /// One subscribes or unsubscribes at a time, so that no end of one undoes the beginning of another.
    changing: tokio::sync::Mutex<()>,
    /// Told when a channel has lost its last subscription.
    left: Notify,
}

#[derive(Default)]
struct Board {
    live: Option<(u64, Arc<Live>)>,
    channels: HashMap<String, BTreeMap<u64, Taker>>,
    next: u64,
}

struct Taker {
    /// The server has said that it subscribed: what came before may be from before it.
    begun: bool,
    sink: Sink,
}

/// A subscription; it ends when this is dropped.
pub(crate) struct Subscribed {
    events: Weak<Inner>,
    channel: String,
    number: u64,
}

impl Events {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self(Arc::new(Inner {
            client,
            board: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            left: Notify::new(),
        }))
    }

    /// Subscribes: whatever is published after this has returned comes to `sink`, until the connection is lost, at which it is dropped.
    pub(crate) async fn subscribe(&self, channel: &str, sink: Sink) -> Result<Subscribed, String> {
        let client = &self.0.client;
        let deadline = client.deadline();
        let subscribed = client.env.until(deadline, self.0.subscribe(channel, sink)).await;
        subscribed.unwrap_or_else(|| {
            let ms = client.settings.deadline.as_millis();
            Err(format!("no subscription within deadline_ms = {ms}"))
        })
    }
}

impl Inner {
    async fn subscribe(self: &Arc<Self>, channel: &str, sink: Sink) -> Result<Subscribed, String> {
        let _alone = self.changing.lock().await;
        let (of, live) = self.live().await?;
        let number = {
            let mut board = self.board.lock();
            board.next += 1;
            let number = board.next;
            board
                .channels
                .entry(channel.to_owned())
                .or_default()
                .insert(number, Taker { begun: false, sink });
            number
        };
        let events = Arc::downgrade(self);
        let subscribed = Subscribed { events, channel: channel.to_owned(), number };
        if let Err(error) = live.conn.clone().subscribe(channel).await {
            self.lose(of);
            return Err(crate::fault::words(&error));
        }
        let board = self.board.lock();
        let is_there = board.channels.get(channel).is_some_and(|sinks| sinks.contains_key(&number));
        if is_there { Ok(subscribed) } else { Err("the connection was lost".to_owned()) }
    }

    /// The connection, which is made where there is none.
    async fn live(self: &Arc<Self>) -> Result<(u64, Arc<Live>), String> {
        let current = self.board.lock().live.clone();
        if let Some((of, live)) = current {
            if !live.has_ended() {
                return Ok((of, live));
            }
            self.lose(of);
        }
        let of = {
            let mut board = self.board.lock();
            board.next += 1;
            board.next
        };
        let events = Arc::downgrade(self);
        let on_push = move |push: PushInfo| {
            if let Some(events) = events.upgrade() {
                events.push(of, push);
            }
        };
        let outage = &self.client.outage;
        if outage.is_there() {
            self.client.env.sleep(outage.pause()).await;
        }
        let dialled = self.client.dial_another(Arc::new(on_push)).await;
        let live = Arc::new(outage.note(dialled)?);
        self.board.lock().live = Some((of, Arc::clone(&live)));
        let tend = tend(Arc::downgrade(self), of, Arc::clone(&live));
        self.client.env.spawn("redis.events", tend);
        Ok((of, live))
    }

    fn push(&self, of: u64, push: PushInfo) {
        match push.kind {
            PushKind::Disconnection => self.lose(of),
            PushKind::Message => {
                let mut data = push.data.into_iter();
                let (Some(Value::BulkString(channel)), Some(Value::BulkString(message))) =
                    (data.next(), data.next())
                else {
                    return;
                };
                let Ok(channel) = std::str::from_utf8(&channel) else { return };
                let message = Bytes::from(message);
                let mut board = self.board.lock();
                if let Some(sinks) = board.channels.get_mut(channel) {
                    sinks.retain(|_, taker| !taker.begun || (taker.sink)(message.clone()));
                }
            }
            PushKind::Subscribe => {
                let Some(Value::BulkString(channel)) = push.data.into_iter().next() else { return };
                let Ok(channel) = std::str::from_utf8(&channel) else { return };
                // One subscribes at a time, so this is the answer to the newest.
                let mut board = self.board.lock();
                let takers =
                    board.channels.get_mut(channel).into_iter().flat_map(BTreeMap::values_mut);
                takers.for_each(|taker| taker.begun = true);
            }
            _ => {}
        }
    }

    /// The connection is lost, and with it all subscriptions.
    fn lose(&self, of: u64) {
        let ended = {
            let mut board = self.board.lock();
            if board.live.as_ref().is_none_or(|(number, _)| *number != of) {
                return;
            }
            board.live.take();
            std::mem::take(&mut board.channels)
        };
        drop(ended);
    }

    /// Unsubscribes from channels that nobody wants any more.
    async fn leave(&self, live: &Live) -> Result<(), redis::RedisError> {
        let _alone = self.changing.lock().await;
        let left: Vec<String> = {
            let mut board = self.board.lock();
            let left = board.channels.iter().filter(|(_, sinks)| sinks.is_empty());
            let left = left.map(|(channel, _)| channel.clone()).collect();
            board.channels.retain(|_, sinks| !sinks.is_empty());
            left
        };
        if left.is_empty() {
            return Ok(());
        }
        live.conn.clone().unsubscribe(left).await
    }
}

/// Looks whether the connection works, and leaves channels, until it is lost or all is dropped.
async fn tend(events: Weak<Inner>, of: u64, live: Arc<Live>) {
    loop {
        let Some(inner) = events.upgrade() else { return };
        let (env, deadline) = (inner.client.env.clone(), inner.client.settings.deadline);
        let asked = async {
            inner.leave(&live).await?;
            let mut conn = live.conn.clone();
            redis::cmd("PING").query_async::<Value>(&mut conn).await
        };
        let works = matches!(env.until(env.now() + deadline, asked).await, Some(Ok(_)));
        if !works || live.has_ended() {
            inner.lose(of);
            return;
        }
        if inner.board.lock().live.as_ref().is_none_or(|(number, _)| *number != of) {
            return;
        }
        env.until(env.now() + PING, inner.left.notified()).await;
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        let Some(events) = self.events.upgrade() else { return };
        let mut board = events.board.lock();
        let Some(sinks) = board.channels.get_mut(&self.channel) else { return };
        let sink = sinks.remove(&self.number);
        let is_last = sinks.is_empty();
        drop(board);
        drop(sink);
        if is_last {
            events.left.notify_one();
        }
    }
}
