//! [`Ear`]: the one connection of an app on which notifications come, for all its watches and topics, and on which its keeper works.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, Lane};
use crate::cluster::{Cluster, channel};
use crate::fault::{self, Fault, words};
use crate::keeper::Keeper;
use crate::letter::{Letter, Letters};
use crate::session::Session;
use crate::sql::{Params, quoted};

/// Longest wait for a notification that this app has sent itself.
const ECHO: Duration = Duration::from_secs(5);
/// How long after a connection without notifications another one is tried.
const DEAF: Duration = Duration::from_secs(10);
/// The server ends the connection of an app that says nothing for so long: it hangs, or the network is cut.
const IDLE: &str =
    "SET idle_session_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'";

/// Who hears the letters of a channel.
pub(crate) trait Listener: Send + Sync {
    /// A letter has come. It is for who attached with a change up to `settled`: for a later one it may be too old.
    fn heard(&self, letter: &Letter, settled: u64);
    /// The connection broke: who attached with a change up to `settled` may miss letters.
    fn lost(&self, settled: u64);
}

/// The connection, made at the first use. It ends when this is dropped.
pub(crate) struct Ear {
    inner: Arc<Inner>,
    started: AtomicBool,
    over: CancellationToken,
}

struct Inner {
    client: Arc<Client>,
    cluster: Arc<Cluster>,
    board: Mutex<Board>,
    changed: Notify,
    settled: watch::Sender<Settled>,
    /// Where this app's own notification comes.
    echo: String,
    echoed: Notify,
}

#[derive(Default)]
struct Board {
    listeners: BTreeMap<String, Arc<dyn Listener>>,
    letters: Letters,
    /// The channels that the server knows of this connection.
    listening: BTreeSet<String>,
    /// Counts the changes of the channels.
    asked: u64,
}

#[derive(Clone, Debug, Default)]
struct Settled {
    /// The change of the channels up to which the server knows them, and has sent what came before.
    asked: u64,
    /// Notifications have come.
    ready: bool,
    /// Why nothing is ever heard.
    deaf: Option<String>,
}

impl Ear {
    pub(crate) fn new(client: Arc<Client>, cluster: Arc<Cluster>) -> Self {
        let echo = channel(&cluster.space.0, &format!("echo {:016x}", client.env.random()));
        let inner = Inner {
            client,
            cluster,
            board: Mutex::default(),
            changed: Notify::new(),
            settled: watch::channel(Settled::default()).0,
            echo,
            echoed: Notify::new(),
        };
        Self {
            inner: Arc::new(inner),
            started: AtomicBool::new(false),
            over: CancellationToken::new(),
        }
    }

    /// Starts it, if nobody has: to hear, and to take its part in ending what is not renewed.
    pub(crate) fn start(&self) {
        if !self.started.swap(true, Ordering::AcqRel) {
            let (inner, over) = (Arc::clone(&self.inner), self.over.clone());
            self.inner.client.env.spawn("postgres.ear", async move {
                tokio::select! {
                    biased;
                    () = over.cancelled() => {}
                    () = inner.run() => {}
                }
            });
        }
    }

    /// Gives the letters of a channel to `listener`, from when [`Ear::settle`] says so.
    pub(crate) fn attach(&self, channel: &str, listener: Arc<dyn Listener>) -> u64 {
        self.start();
        let mut board = self.inner.board.lock();
        board.listeners.insert(channel.to_owned(), listener);
        board.asked += 1;
        self.inner.changed.notify_one();
        board.asked
    }

    /// Takes a channel's listener away.
    pub(crate) fn detach(&self, channel: &str) {
        let mut board = self.inner.board.lock();
        board.listeners.remove(channel);
        board.letters.forget(channel);
        self.inner.changed.notify_one();
    }

    /// Waits until the server knows the channels as they were at change `asked`, and everything that was sent before it has been heard.
    pub(crate) async fn settle(&self, asked: u64) -> Result<(), Fault> {
        self.wait(|settled| settled.asked >= asked).await
    }

    /// Waits until notifications have come once, so that what others do is seen and what they do not renew ends.
    pub(crate) async fn ready(&self) -> Result<(), Fault> {
        self.start();
        self.wait(|settled| settled.ready).await
    }

    async fn wait(&self, until: impl Fn(&Settled) -> bool) -> Result<(), Fault> {
        let client = &self.inner.client;
        let mut settled = self.inner.settled.subscribe();
        let wait = settled.wait_for(|settled| until(settled) || settled.deaf.is_some());
        match client.env.until(client.env.now() + client.settings.deadline, wait).await {
            Some(Ok(settled)) => settled.deaf.clone().map_or(Ok(()), |why| Err(Fault::Busy(why))),
            _ => Err(client.late()),
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Inner {
    /// Connects again and again.
    async fn run(self: Arc<Self>) {
        let env = self.client.env.clone();
        loop {
            let Err(fault) = self.connection().await;
            self.lost();
            tracing::debug!(why = fault.words(), "the connection for notifications ended");
            let deaf = self.settled.borrow().deaf.is_some();
            env.sleep(if deaf { DEAF } else { self.client.outage.pause() }).await;
        }
    }

    /// Runs one connection until it ends.
    async fn connection(self: &Arc<Self>) -> Result<std::convert::Infallible, Fault> {
        let hear = Arc::downgrade(self);
        let heard = Arc::new(move |notification: tokio_postgres::Notification| {
            if let Some(inner) = hear.upgrade() {
                inner.hear(notification.channel(), notification.payload());
            }
        });
        let sql = self.client.dial(Some(heard)).await?;
        let left = self.client.settings.deadline;
        let session = Session { sql, left, committing: AtomicBool::new(false) };
        self.within(self.cluster.lay_out(&session)).await?;
        self.within(self.begin(&session)).await?;
        self.hear_itself().await?;
        let mut keeper = Keeper::new(&self.client.env);
        loop {
            self.within(self.follow(&session)).await?;
            self.within(keeper.step(&self.cluster, &session)).await?;
            let wait = self.client.env.until(keeper.next(), self.changed.notified());
            wait.await;
        }
    }

    async fn within<T>(&self, done: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let deadline = self.client.env.now() + self.client.settings.deadline;
        let late = || Fault::Lost("the server did not answer within deadline_ms".to_owned());
        self.client.env.until(deadline, done).await.ok_or_else(late)?
    }

    async fn begin(&self, session: &Session) -> Result<(), Fault> {
        match session.sql.batch_execute(IDLE).await {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => {
                let why = words(&error);
                Err(self.deaf(format!("{why}; leases, discovery and topics need PostgreSQL 14")))
            }
            Err(error) => Err(fault::of(&error)),
            Ok(()) => session.batch(&format!("LISTEN {}", quoted(&self.echo))).await,
        }
    }

    /// Sends itself a notification by another connection. Behind a pooler that gives each transaction another connection, it never comes.
    async fn hear_itself(&self) -> Result<(), Fault> {
        let deadline = self.client.settings.deadline.min(ECHO);
        let _earlier = self.echoed.notified().now_or_never();
        let sent = self.client.run(Lane::Urgent, deadline, |session| {
            let mut params = Params::default();
            let sql = format!("SELECT pg_notify({}, '')", params.text(self.echo.clone()));
            Box::pin(async move { session.rows(&sql, &params).await.map(drop) })
        });
        sent.await?;
        let end = self.client.env.now() + deadline;
        if self.client.env.until(end, self.echoed.notified()).await.is_some() {
            self.settled.send_modify(|settled| (settled.ready, settled.deaf) = (true, None));
            return Ok(());
        }
        Err(self.deaf(format!(
            "no notification comes within {} ms: a pooler in transaction mode keeps them; leases, discovery and topics need a URL that \
             leads to the server itself, or to a pooler in session mode",
            deadline.as_millis()
        )))
    }

    /// Nothing will be heard, and whoever waits is told at once.
    fn deaf(&self, why: String) -> Fault {
        if self.settled.borrow().deaf.is_none() {
            let server = self.client.settings.server_name();
            tracing::error!(
                server,
                why,
                "PostgreSQL cannot carry leases, discovery and topics here"
            );
        }
        self.settled.send_modify(|settled| settled.deaf = Some(why.clone()));
        Fault::Lost(why)
    }

    /// Tells the server the channels that have changed, and waits for the echo of that: the server sends notifications in the order in
    /// which they were committed, so that none from before the change comes after its echo.
    async fn follow(&self, session: &Session) -> Result<(), Fault> {
        let mut settled = self.settled.subscribe();
        let (asked, wanted, sql) = {
            let board = self.board.lock();
            let wanted: BTreeSet<_> = board.listeners.keys().cloned().collect();
            let new = wanted.difference(&board.listening);
            let new = new.map(|name| format!("LISTEN {};", quoted(name)));
            let old = board.listening.difference(&wanted);
            let old = old.map(|name| format!("UNLISTEN {};", quoted(name)));
            let echo = board.asked > settled.borrow().asked;
            let echo = echo.then(|| format!("NOTIFY {}, '{}';", quoted(&self.echo), board.asked));
            let sql: String = new.chain(old).chain(echo).collect();
            (board.asked, wanted, sql)
        };
        if !sql.is_empty() {
            session.batch(&sql).await?;
            self.board.lock().listening = wanted;
        }
        // The sender is in `self`.
        drop(settled.wait_for(|settled| settled.asked >= asked).await);
        Ok(())
    }

    fn hear(&self, channel: &str, payload: &str) {
        if channel == self.echo {
            return self.hear_echo(payload);
        }
        let settled = self.settled.borrow().asked;
        let heard = {
            let mut board = self.board.lock();
            let listener = board.listeners.get(channel).cloned();
            listener.and_then(|it| Some((it, board.letters.take(channel, payload)?)))
        };
        if let Some((listener, letter)) = heard {
            listener.heard(&letter, settled);
        }
    }

    /// An echo has the number of the change that it is of; the first one of a connection has none.
    fn hear_echo(&self, payload: &str) {
        let Ok(asked) = payload.parse::<u64>() else { return self.echoed.notify_one() };
        let asked = asked.min(self.board.lock().asked);
        self.settled.send_modify(|settled| settled.asked = settled.asked.max(asked));
    }

    fn lost(&self) {
        let listeners = {
            let mut board = self.board.lock();
            board.letters = Letters::default();
            // The next connection tells the server again.
            board.asked += 1;
            let were = std::mem::take(&mut board.listening);
            were.iter().filter_map(|name| board.listeners.get(name).cloned()).collect::<Vec<_>>()
        };
        let settled = self.settled.borrow().asked;
        listeners.iter().for_each(|listener| listener.lost(settled));
    }
}
