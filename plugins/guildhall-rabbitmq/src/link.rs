//! [`Link`]: one connection, with a channel for topics and one for each queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use guildhall_core::Env;
use guildhall_core::broker::Sequence;
use guildhall_core::env::Instant;
use lapin::options::{BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, Event, ExchangeKind};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use crate::config::Settings;
use crate::failure::{Failure, FailureKind};
use crate::fresh::Fresh;
use crate::lane::Lane;
use crate::socket::{Socket, connect};

/// How often a connection is looked at that says nothing.
const LOOK: Duration = Duration::from_secs(1);

/// How long a server may take to answer a simple question.
const ANSWERS: Duration = Duration::from_secs(2);

/// KiB of messages that may wait for their confirms at a time.
pub(crate) const ROOM_KIB: usize = 64 << 10;

/// Queues that have a channel at a time. RabbitMQ has 2,047 channels for a connection.
const LANES_MAX: usize = 1024;

/// A connection with channels that confirm what is published. It is used until anything is wrong with it, and then replaced.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    /// Of topics.
    pub(crate) channel: Channel,
    pub(crate) sequence: tokio::sync::Mutex<Sequence>,
    pub(crate) room: Semaphore,
    settings: Arc<Settings>,
    socket: Socket,
    fresh: Arc<Fresh>,
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
    /// A question is on its way.
    is_asked: AtomicBool,
    given_up: Notify,
}

impl Link {
    /// Connects to that address.
    pub(crate) async fn open(
        env: &Env,
        settings: &Arc<Settings>,
        fresh: &Arc<Fresh>,
        address: &str,
        role: &str,
    ) -> Result<Self, String> {
        let said = |error: lapin::Error| error.to_string();
        let name = format!("guildhall {} {role}", settings.prefix);
        let (connection, mut socket) = connect(env, settings, address, name).await?;
        let channel = connection.create_channel().await.map_err(said)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(said)?;
        channel.basic_qos(1, BasicQosOptions::default()).await.map_err(said)?;
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let (name, kind) = (settings.exchange(), ExchangeKind::Direct);
        channel.exchange_declare(name, kind, options, FieldTable::default()).await.map_err(said)?;
        socket.ends_with_this = false;
        Ok(Self {
            connection,
            channel,
            sequence: tokio::sync::Mutex::new(Sequence::new(env.random())),
            room: Semaphore::new(ROOM_KIB),
            settings: Arc::clone(settings),
            socket,
            fresh: Arc::clone(fresh),
            lanes: Mutex::default(),
            is_asked: AtomicBool::new(false),
            given_up: Notify::new(),
        })
    }

    /// Whether it can be used.
    pub(crate) fn is_up(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Whether the server has said that it takes nothing, for want of memory or disk.
    pub(crate) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Ends it: it is of no use, or the server does not answer on it.
    pub(crate) fn give_up(&self) {
        self.socket.end();
        self.given_up.notify_one();
    }

    /// What a request returns until `deadline`. A server that does not answer by then, and has not said why, is asked something simple,
    /// and gets a new connection when it does not answer that either: one queue may be slow, and the server not.
    pub(crate) async fn until<T, E: Into<Failure>>(
        self: &Arc<Self>,
        env: &Env,
        deadline: Instant,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        match env.until(deadline, request).await {
            Some(done) => {
                if !self.is_up() {
                    self.give_up();
                }
                done.map_err(Into::into)
            }
            None if self.is_blocked() => Err(Failure::refused(BLOCKED)),
            None => {
                if !self.is_asked.swap(true, Ordering::AcqRel) {
                    env.spawn("rabbitmq.ask", Arc::clone(self).ask(env.clone()));
                }
                Err(Failure::late("the server did not answer within deadline_ms"))
            }
        }
    }

    /// As [`Link::until`], for a request on the channel of a queue. A late one closes the channel, which gives back what comes after.
    pub(crate) async fn until_on<T>(
        self: &Arc<Self>,
        lane: &Arc<Lane>,
        env: &Env,
        deadline: Instant,
        request: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, Failure> {
        let done = self.until(env, deadline, request).await;
        if matches!(&done, Err(failure) if failure.kind == FailureKind::Late) {
            self.lanes.lock().retain(|_, known| !Arc::ptr_eq(known, lane));
            let (lane, late) = (Arc::clone(lane), env.clone());
            env.spawn("rabbitmq.close", async move {
                let closed = lane.channel.close(200, "late".into());
                let _closed_or_the_link_ends = late.until(late.now() + ANSWERS, closed).await;
            });
        }
        done
    }

    async fn ask(self: Arc<Self>, env: Env) {
        let asked = self.channel.basic_qos(1, BasicQosOptions::default());
        let answered = env.until(env.now() + ANSWERS, asked).await;
        if !matches!(answered, Some(Ok(()))) && !self.is_blocked() {
            self.give_up();
        }
        self.is_asked.store(false, Ordering::Release);
    }

    /// Waits until it is of no use.
    pub(crate) async fn ended(&self, env: &Env) {
        let mut events = Box::pin(self.connection.events_listener());
        let server = self.settings.server();
        while self.is_up() {
            tokio::select! {
                () = self.given_up.notified() => return,
                () = env.sleep(LOOK) => {}
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(why)) => {
                        let why: String = why.chars().take(80).collect();
                        tracing::warn!(server, why, "RabbitMQ takes no messages");
                    }
                    Some(Event::ConnectionUnblocked) => {
                        tracing::info!(server, "RabbitMQ takes messages again");
                    }
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }

    /// The channel of a queue, which is made unless it is there.
    pub(crate) async fn lane(&self, env: &Env, queue: &ShortString) -> Result<Arc<Lane>, Failure> {
        if let Some(lane) = self.known(queue) {
            return Ok(lane);
        }
        let _turn = self.fresh.turn().await;
        if let Some(lane) = self.known(queue) {
            return Ok(lane);
        }
        let opened = Lane::open(env, &self.connection, &self.settings, &self.fresh, queue).await?;
        let lane = Arc::new(opened);
        let mut lanes = self.lanes.lock();
        if lanes.len() >= LANES_MAX {
            lanes.retain(|_, lane| lane.is_up());
        }
        if lanes.len() >= LANES_MAX {
            let unused = lanes.iter().find(|(_, lane)| Arc::strong_count(lane) == 1);
            let Some(unused) = unused.map(|(queue, _)| queue.clone()) else {
                return Err(Failure::refused(format!(
                    "{LANES_MAX} queues are in use at a time, which is the limit; use fewer"
                )));
            };
            lanes.remove(&unused);
        }
        lanes.insert(queue.as_str().to_owned(), Arc::clone(&lane));
        Ok(lane)
    }

    fn known(&self, queue: &ShortString) -> Option<Arc<Lane>> {
        self.lanes.lock().get(queue.as_str()).filter(|lane| lane.is_up()).cloned()
    }

    /// The queue is not there any more: the next request makes it.
    pub(crate) fn forget(&self, queue: &str) {
        self.lanes.lock().remove(queue);
    }

    /// When an item that is pushed to that queue is kept.
    pub(crate) fn settles(&self, queue: &ShortString) -> Option<Instant> {
        self.fresh.settles(queue.as_str())
    }
}

/// Why a server that answers takes nothing.
pub(crate) const BLOCKED: &str =
    "the server takes no messages: it is short of memory or disk (rabbitmqctl status)";

impl Settings {
    /// The exchange of all topics.
    pub(crate) fn exchange(&self) -> ShortString {
        format!("{}.topics", self.prefix).into()
    }
}
