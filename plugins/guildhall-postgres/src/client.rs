//! [`Client`]: connections to the server, and the attempts at a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use guildhall_core::backend::Outage;
use guildhall_core::env::ConnIo;
use guildhall_core::{BoxFuture, Env};
use guildhall_sql::Attempts;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_postgres::NoTls;

use crate::config::Settings;
use crate::fault::{Fault, words};
use crate::session::Session;

/// The connections of one store.
#[derive(Debug)]
pub struct Client {
    pub(crate) env: Env,
    pub(crate) settings: Settings,
    /// Those that nobody uses now.
    idle: Mutex<Vec<tokio_postgres::Client>>,
    /// One permit per connection.
    permits: Semaphore,
    pub(crate) outage: Outage,
    /// When the next one may dial, after a failure. One dials at a time.
    dialling: tokio::sync::Mutex<Option<Instant>>,
    /// Why the last dial failed, while no later one has succeeded.
    dial_error: Mutex<Option<String>>,
}

impl Client {
    pub(crate) fn new(env: &Env, settings: Settings) -> Self {
        Self {
            env: env.clone(),
            idle: Mutex::default(),
            permits: Semaphore::new(settings.connections),
            outage: Outage::new(env, "postgres", settings.addresses.join(", ")),
            dialling: tokio::sync::Mutex::default(),
            dial_error: Mutex::default(),
            settings,
        }
    }

    /// Makes attempts until one succeeds, fails for good, or the deadline is over.
    pub(crate) async fn run<'w, T>(
        &self,
        deadline: Duration,
        work: impl Fn(Arc<Session>) -> BoxFuture<'w, Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let deadline = self.env.now() + deadline;
        let mut attempts = Attempts::new(&self.env, deadline);
        loop {
            match self.attempt(deadline, &work).await {
                Ok(done) => return Ok(done),
                Err(fault) if attempts.again_after(&fault).await => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn attempt<'w, T>(
        &self,
        deadline: Instant,
        work: impl Fn(Arc<Session>) -> BoxFuture<'w, Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let connected = self.env.until(deadline, async {
            let permit = self.permits.acquire().await;
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
        let works = match &done {
            Ok(_) => true,
            Err(Fault::Lost(_) | Fault::Unknown(_)) => false,
            Err(_) => {
                let rolled_back = session.sql.batch_execute("ROLLBACK");
                matches!(self.env.until(deadline, rolled_back).await, Some(Ok(())))
            }
        };
        if works {
            self.outage.worked();
        }
        if let Some(session) = Arc::into_inner(session).filter(|_| works) {
            self.idle.lock().push(session.sql);
        }
        done
    }

    /// There was no connection within the deadline.
    fn late(&self) -> Fault {
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
                None => return self.dial().await,
            }
        }
    }

    /// Makes a connection, one at a time, and not sooner after a failure than the outage says.
    async fn dial(&self) -> Result<tokio_postgres::Client, Fault> {
        let mut not_before = self.dialling.lock().await;
        if let Some(not_before) = *not_before {
            self.env.sleep_until(not_before).await;
        }
        // A dial that is dropped at the deadline of its request has failed too.
        *not_before = Some(self.env.now() + self.outage.pause());
        match self.dial_all().await {
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

    async fn dial_all(&self) -> Result<tokio_postgres::Client, String> {
        let mut errors = Vec::new();
        // Half of the deadline is for the dials, so that an address that never answers leaves time for the next.
        let count = u32::try_from(self.settings.addresses.len()).unwrap_or(1);
        let each = self.settings.deadline / 2 / count.max(1);
        for address in &self.settings.addresses {
            let dialled = self.env.until(self.env.now() + each, self.dial_one(address)).await;
            match dialled {
                Some(Ok(connection)) => return Ok(connection),
                Some(Err(error)) => errors.push(format!("{address}: {error}")),
                None => errors.push(format!("{address}: no answer within {} ms", each.as_millis())),
            }
        }
        Err(errors.join("; "))
    }

    async fn dial_one(&self, address: &str) -> Result<tokio_postgres::Client, String> {
        let conn = self.env.net().connect(address).await.map_err(|error| error.to_string())?;
        let connected = self.settings.server.connect_raw(ConnIo::new(conn), NoTls).await;
        let (client, connection) = connected.map_err(|error| words(&error))?;
        // It ends when the client is dropped or the server goes; what the client is told of that is the error of its request.
        self.env.spawn("postgres.connection", connection.map(drop));
        Ok(client)
    }
}
