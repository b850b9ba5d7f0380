//! [`Client`]: connections to the server, and the attempts at a request.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use guildhall_core::backend::Outage;
use guildhall_core::env::{ConnIo, Instant};
use guildhall_core::{BoxFuture, Env};
use guildhall_sql::Attempts;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_postgres::{AsyncMessage, Notification};

use crate::config::Settings;
use crate::fault::{Fault, words};
use crate::session::Session;

/// The next address of the URL is dialled beside one that has not answered for so long.
const STAGGER: Duration = Duration::from_millis(250);
/// Connections beside those of rows, for leases, discovery and topics: a busy store must not cost an app its leases.
const URGENT: usize = 2;

/// Which connections a request may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Rows,
    Urgent,
}

/// Where notifications of a connection go.
pub(crate) type Heard = Arc<dyn Fn(Notification) + Send + Sync>;

/// The connections of one app to one server.
#[derive(Debug)]
pub struct Client {
    pub(crate) env: Env,
    pub(crate) settings: Settings,
    pub(crate) outage: Outage,
    /// Those that nobody uses now.
    idle: Mutex<Vec<tokio_postgres::Client>>,
    /// One permit per connection.
    rows: Semaphore,
    urgent: Semaphore,
    /// When the next one may dial, after a failure.
    not_before: tokio::sync::Mutex<Option<Instant>>,
    /// Why the last dial failed, while no later one has succeeded.
    dial_error: Mutex<Option<String>>,
}

impl Client {
    pub(crate) fn new(env: &Env, settings: Settings) -> Self {
        Self {
            env: env.clone(),
            outage: Outage::new(env, "postgres", settings.server_name()),
            idle: Mutex::default(),
            rows: Semaphore::new(settings.connections),
            urgent: Semaphore::new(URGENT),
            not_before: tokio::sync::Mutex::default(),
            dial_error: Mutex::default(),
            settings,
        }
    }

    /// Makes attempts until one succeeds, fails for good, or the deadline is over.
    pub(crate) async fn run<'w, T>(
        &self,
        lane: Lane,
        deadline: Duration,
        work: impl Fn(Arc<Session>) -> BoxFuture<'w, Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let deadline = self.env.now() + deadline;
        let mut attempts = Attempts::new(&self.env, deadline);
        loop {
            match self.attempt(lane, deadline, &work).await {
                Ok(done) => return Ok(done),
                Err(fault) if attempts.again_after(&fault).await => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn attempt<'w, T>(
        &self,
        lane: Lane,
        deadline: Instant,
        work: impl Fn(Arc<Session>) -> BoxFuture<'w, Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let connected = self.env.until(deadline, async {
            let permits = if lane == Lane::Rows { &self.rows } else { &self.urgent };
            let permit = permits.acquire().await;
            Ok::<_, Fault>((permit, self.connection().await?))
        });
        let (_permit, sql) = connected.await.ok_or_else(|| self.late())??;
        let left = deadline.saturating_duration_since(self.env.now());
        let session = Arc::new(Session { sql, left, committing: AtomicBool::new(false) });
        let Some(done) = self.env.until(deadline, work(Arc::clone(&session))).await else {
            // The connection is dropped: the server ends what was not committed.
            let why = "the server did not answer within deadline_ms".to_owned();
            return Err(match session.committing.load(Ordering::Acquire) {
                true => Fault::Unknown(why),
                false => Fault::Busy(why),
            });
        };
        if !matches!(done, Err(Fault::Lost(_) | Fault::Unknown(_))) {
            self.outage.worked();
        }
        let works = match &done {
            Ok(_) => true,
            Err(Fault::Lost(_) | Fault::Unknown(_)) => false,
            Err(_) => {
                let rolled_back = session.sql.batch_execute("ROLLBACK");
                matches!(self.env.until(deadline, rolled_back).await, Some(Ok(())))
            }
        };
        if let Some(session) = Arc::into_inner(session).filter(|_| works) {
            self.idle.lock().push(session.sql);
        }
        done
    }

    /// There was no connection within the deadline.
    pub(crate) fn late(&self) -> Fault {
        let message = match &*self.dial_error.lock() {
            Some(error) => format!("{error}; start the server, or correct the URL"),
            None => "no connection was free within deadline_ms; raise connections, or find out why the server is slow".to_owned(),
        };
        Fault::Busy(message)
    }

    /// A connection that nobody else uses.
    async fn connection(&self) -> Result<tokio_postgres::Client, Fault> {
        loop {
            let idle = self.idle.lock().pop();
            match idle {
                Some(idle) if idle.is_closed() => {}
                Some(idle) => return Ok(idle),
                None => return self.dial(None).await,
            }
        }
    }

    /// Makes a connection, one at a time, and not sooner after a failure than the pause of an outage.
    pub(crate) async fn dial(&self, heard: Option<Heard>) -> Result<tokio_postgres::Client, Fault> {
        let mut not_before = self.not_before.lock().await;
        if let Some(at) = *not_before {
            self.env.sleep_until(at).await;
        }
        // A dial that is dropped at the deadline of its request has failed too.
        *not_before = Some(self.env.now() + self.outage.pause());
        match self.dial_all(heard).await {
            Ok(connection) => {
                *not_before = None;
                self.dial_error.lock().take();
                self.outage.worked();
                Ok(connection)
            }
            Err(error) => {
                self.outage.failed(&error);
                *not_before = Some(self.env.now() + self.outage.pause());
                *self.dial_error.lock() = Some(error.clone());
                Err(Fault::Lost(format!("{error}; start the server, or correct the URL")))
            }
        }
    }

    /// The first address that lets this app in. The next one is dialled when the one before has failed, or has not answered for a while.
    async fn dial_all(&self, heard: Option<Heard>) -> Result<tokio_postgres::Client, String> {
        let end = self.env.now() + self.settings.deadline;
        let mut waiting = self.settings.addresses.iter().zip(&self.settings.hosts);
        let (mut running, mut errors) = (FuturesUnordered::new(), Vec::new());
        loop {
            if let Some((address, host)) = waiting.next() {
                let heard = heard.clone();
                running.push(async move { (address, self.dial_one(address, host, heard).await) });
            }
            let wait = if waiting.len() > 0 { self.env.now() + STAGGER } else { end };
            match self.env.until(wait.min(end), running.next()).await {
                Some(Some((_, Ok(connection)))) => return Ok(connection),
                Some(Some((address, Err(error)))) => errors.push(format!("{address}: {error}")),
                Some(None) if waiting.len() == 0 => return Err(errors.join("; ")),
                Some(None) => {}
                None if self.env.now() >= end => {
                    let ms = self.settings.deadline.as_millis();
                    errors
                        .push(format!("{}: no answer within {ms} ms", self.settings.server_name()));
                    return Err(errors.join("; "));
                }
                None => {}
            }
        }
    }

    async fn dial_one(
        &self,
        address: &str,
        host: &str,
        heard: Option<Heard>,
    ) -> Result<tokio_postgres::Client, String> {
        let conn = self.env.net().connect(address).await.map_err(|error| error.to_string())?;
        let connected =
            self.settings.server.connect_raw(ConnIo::new(conn), self.settings.tls.to(host)).await;
        let (client, mut connection) = connected.map_err(|error| words(&error))?;
        // It ends when the client is dropped or the server goes; what the client is told of that is the error of its request.
        let driven = poll_fn(move |cx| {
            while let Some(Ok(message)) = ready!(connection.poll_message(cx)) {
                if let (AsyncMessage::Notification(notification), Some(heard)) = (message, &heard) {
                    heard(notification);
                }
            }
            Poll::Ready(())
        });
        self.env.spawn("postgres.connection", driven);
        // A replica lets apps in too.
        if self.settings.addresses.len() > 1 {
            let is_replica = client.query_typed("SELECT pg_is_in_recovery()", &[]).await;
            let is_replica = is_replica.map_err(|error| words(&error))?;
            if is_replica.first().is_none_or(|row| row.try_get(0).unwrap_or(true)) {
                return Err("it is a replica".to_owned());
            }
        }
        Ok(client)
    }
}
