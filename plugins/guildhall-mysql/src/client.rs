//! [`Client`]: the attempts at a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::backend::Outage;
use guildhall_core::env::Instant;
use guildhall_core::{BoxFuture, Env};
use guildhall_sql::{Attempts, Done, Fault, Session as _};
use tokio::sync::Mutex;

use crate::config::Settings;
use crate::connections::Connections;
use crate::session::Session;

/// The client of one database.
#[derive(Debug)]
pub struct Client {
    /// Clock, randomness and tasks.
    pub(crate) env: Env,
    connections: Connections,
}

impl Client {
    /// A client that connects at its first request.
    pub(crate) fn new(env: &Env, settings: Settings) -> Self {
        Self { env: env.clone(), connections: Connections::new(env, settings) }
    }

    /// What the URL says.
    pub(crate) fn settings(&self) -> &Settings {
        &self.connections.settings
    }

    /// Whether the server answers.
    pub(crate) fn outage(&self) -> &Outage {
        &self.connections.outage
    }

    /// Makes attempts until one succeeds, fails for good, or the deadline is over.
    pub(crate) async fn run<'w, T>(
        &self,
        deadline: Duration,
        work: impl Fn(Arc<Session>) -> BoxFuture<'w, Done<T>>,
    ) -> Done<T> {
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
        work: impl Fn(Arc<Session>) -> BoxFuture<'w, Done<T>>,
    ) -> Done<T> {
        let (connection, _permit) = self.connections.take(deadline).await?;
        let left = deadline.saturating_duration_since(self.env.now());
        let session = Arc::new(Session {
            sql: Mutex::new(connection),
            left,
            committing: AtomicBool::new(false),
        });
        let Some(done) = self.env.until(deadline, work(Arc::clone(&session))).await else {
            // The connection is dropped: the server ends what was not committed.
            let why = "the server did not answer within deadline_ms".to_owned();
            self.outage().failed(&why);
            return Err(match session.committing.load(Ordering::Acquire) {
                true => Fault::Unknown(why),
                false => Fault::Busy(why),
            });
        };
        let works = match &done {
            Ok(_) => true,
            Err(Fault::Lost(_) | Fault::Unknown(_)) => false,
            Err(_) => matches!(self.env.until(deadline, session.end()).await, Some(Ok(()))),
        };
        match Arc::into_inner(session).filter(|_| works) {
            Some(session) => {
                self.outage().worked();
                self.connections.give_back(session.sql.into_inner());
            }
            None => self.connections.forget_idle(),
        }
        done
    }
}
