//! [`Client`]: the connections to one database, and the attempts at a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::backend::Outage;
use guildhall_core::env::Instant;
use guildhall_core::store::{StoreError, StoreErrorKind};
use guildhall_core::{BoxFuture, Env};
use mongodb::Database;
use mongodb::bson::doc;
use parking_lot::Mutex;

use crate::config::Settings;
use crate::fault::Fault;
use crate::seen::Seen;

/// Attempts at one request, as far as its deadline allows.
const ATTEMPTS_MAX: u32 = 16;
/// How long an attempt waits after a conflict, at most.
const CONFLICT_MS: u64 = 20;

/// Whether an attempt has sent a write: from then on nobody but the server knows.
pub(crate) type Sent = Arc<AtomicBool>;

/// The client of one database.
pub(crate) struct Client {
    pub(crate) env: Env,
    pub(crate) database: Database,
    pub(crate) deadline: Duration,
    pub(crate) outage: Outage,
    /// Whether the server may be one whose guarded updates are not atomic.
    unfenced: bool,
    /// Whether the server was asked what it is.
    is_known: AtomicBool,
    /// The columns as of some time ago.
    seen: Mutex<Option<Arc<Seen>>>,
}

impl Client {
    /// A client that connects at its first request.
    pub(crate) fn new(env: &Env, settings: Settings) -> Result<Arc<Self>, String> {
        let Settings { server, database, deadline, unfenced, .. } = settings;
        let hosts = server.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let outage = Outage::new(env, "mongodb", format!("{hosts}/{database}"));
        let client = mongodb::Client::with_options(server);
        let client = client.map_err(|_| "its options do not go together".to_owned())?;
        let database = client.database(&database);
        let (is_known, seen) = (AtomicBool::new(false), Mutex::default());
        let env = env.clone();
        Ok(Arc::new(Self { env, database, deadline, outage, unfenced, is_known, seen }))
    }

    /// The columns, for what does not matter that an index may be newer.
    pub(crate) async fn seen(&self) -> Result<Arc<Seen>, Fault> {
        let seen = self.seen.lock().clone();
        match seen {
            Some(seen) => Ok(seen),
            None => self.newest_seen().await,
        }
    }

    /// The columns as they are now.
    pub(crate) async fn newest_seen(&self) -> Result<Arc<Seen>, Fault> {
        let seen = Seen::load(&self.database).await?;
        if !seen.is_empty() {
            self.set_seen(Arc::clone(&seen));
        }
        Ok(seen)
    }

    pub(crate) fn set_seen(&self, seen: Arc<Seen>) {
        *self.seen.lock() = Some(seen);
    }

    /// Refuses a server that does not fence, before the first request.
    async fn check_server(&self) -> Result<(), Fault> {
        if self.is_known.load(Ordering::Acquire) {
            return Ok(());
        }
        let built = self.database.run_command(doc! { "buildInfo": 1 }).await;
        let built = built.map_err(|error| Fault::of_read(&error))?;
        // FerretDB 1.x says this of itself; embedded, its version is `unknown`.
        let ferret = built.get_str("ferretdbVersion").ok();
        if let Some(version) = ferret.filter(|version| !version.starts_with("v2") && !self.unfenced)
        {
            let message = format!(
                "the server is FerretDB (version {version:.20}), whose updates with a condition are not atomic before version 2: two owners \
                 could both write; use MongoDB, or unfenced=on in the URL for tests"
            );
            let kind = StoreErrorKind::Invalid;
            return Err(StoreError::new(kind, "connect", self.database.name(), message).into());
        }
        self.is_known.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes attempts until one succeeds, fails for good, or the deadline is over.
    pub(crate) async fn run<'w, T>(
        &self,
        operation: &'static str,
        subject: &str,
        deadline: Duration,
        attempt: impl Fn(Sent) -> BoxFuture<'w, Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        let deadline = self.env.now() + deadline;
        let mut made = 0;
        loop {
            made += 1;
            let fault = match self.once(deadline, &attempt).await {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let again = matches!(fault, Fault::Conflict | Fault::Lost(_));
            if !again || made == ATTEMPTS_MAX || self.env.now() >= deadline {
                return Err(fault.error(operation, subject));
            }
            let wait = match fault {
                Fault::Lost(_) => self.outage.pause(),
                _ => Duration::from_millis(1 + self.env.random_below(CONFLICT_MS)),
            };
            self.env.sleep_until((self.env.now() + wait).min(deadline)).await;
        }
    }

    async fn once<'w, T>(
        &self,
        deadline: Instant,
        attempt: impl Fn(Sent) -> BoxFuture<'w, Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let sent = Sent::default();
        let late = || {
            let why = "the server did not answer within deadline_ms".to_owned();
            Err(if sent.load(Ordering::Acquire) { Fault::Unknown(why) } else { Fault::Lost(why) })
        };
        let attempt = async {
            self.check_server().await?;
            attempt(Arc::clone(&sent)).await
        };
        let done = self.env.until(deadline, attempt).await.unwrap_or_else(late);
        match &done {
            Err(Fault::Lost(why) | Fault::Unknown(why)) => self.outage.failed(why),
            _ => self.outage.worked(),
        }
        done
    }

    /// Runs a request in a task of its own: it ends by itself when its caller goes away.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let task = self.env.spawn("mongo.request", request);
        let ended = || {
            let message = "the app has ended; whether the write is in the database is unknown";
            StoreError::new(StoreErrorKind::Unknown, operation, self.database.name(), message)
        };
        task.await.ok().flatten().ok_or_else(ended)?
    }
}
