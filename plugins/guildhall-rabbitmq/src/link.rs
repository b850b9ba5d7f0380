//! [`Link`]: one connection with a channel.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use guildhall_core::Env;
use guildhall_core::env::Instant;
use lapin::options::{
    BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, Event, ExchangeKind};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use crate::config::Settings;
use crate::sequence::Sequence;
use crate::socket::{Socket, connect};

/// How often a connection is looked at that says nothing.
const LOOK: Duration = Duration::from_secs(1);

/// How long a server may take to answer a simple question.
const ANSWERS: Duration = Duration::from_secs(2);

/// KiB of messages that may wait for their confirms at a time.
pub(crate) const ROOM_KIB: usize = 64 << 10;

/// Queues whose declaration is remembered.
const DECLARED_MAX: usize = 4096;

/// A connection with a channel that confirms what is published. It is used until anything is wrong with it, and then replaced.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
    pub(crate) sequence: tokio::sync::Mutex<Sequence>,
    pub(crate) room: Semaphore,
    settings: Arc<Settings>,
    socket: Socket,
    declared: Mutex<BTreeSet<String>>,
    /// A question is on its way.
    is_asked: AtomicBool,
    given_up: Notify,
}

impl Link {
    /// Connects to that address.
    pub(crate) async fn open(
        env: &Env,
        settings: &Arc<Settings>,
        address: &str,
        role: &str,
    ) -> Result<Self, String> {
        let said = |error: lapin::Error| error.to_string();
        let name = format!("guildhall {} {role}", settings.prefix);
        let (connection, mut socket) = connect(settings.uri.clone(), address, name).await?;
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
            declared: Mutex::default(),
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
    pub(crate) async fn until<T>(
        self: &Arc<Self>,
        env: &Env,
        deadline: Instant,
        request: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, String> {
        match env.until(deadline, request).await {
            Some(done) => {
                if !self.is_up() {
                    self.give_up();
                }
                done.map_err(|error| error.to_string())
            }
            None if self.is_blocked() => Err(BLOCKED.to_owned()),
            None => {
                if !self.is_asked.swap(true, Ordering::AcqRel) {
                    env.spawn("rabbitmq.ask", Arc::clone(self).ask(env.clone()));
                }
                Err("the server did not answer within deadline_ms".to_owned())
            }
        }
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

    /// Makes the queue, unless this link has done that already. A refusal closes a channel, so it has one of its own.
    pub(crate) async fn declare(&self, queue: &ShortString) -> lapin::Result<()> {
        if self.declared.lock().contains(queue.as_str()) {
            return Ok(());
        }
        let channel = self.connection.create_channel().await?;
        let mut arguments = FieldTable::default();
        let text = |text: &str| AMQPValue::LongString(text.into());
        arguments.insert("x-queue-type".into(), text("quorum"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(self.settings.max_items));
        arguments
            .insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(self.settings.max_bytes));
        channel.queue_declare(queue.clone(), QueueDeclareOptions::durable(), arguments).await?;
        let mut declared = self.declared.lock();
        if declared.len() >= DECLARED_MAX {
            declared.clear();
        }
        declared.insert(queue.as_str().to_owned());
        Ok(())
    }

    /// The queue is not there any more.
    pub(crate) fn forget(&self, queue: &ShortString) {
        self.declared.lock().remove(queue.as_str());
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
