//! [`Client`]: one connection for requests, dialled again when it is lost, and the attempts at a request.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::Env;
use guildhall_core::backend::Outage;
use guildhall_core::env::Instant;
use parking_lot::Mutex;
use redis::{Script, Value};
use tokio::sync::Semaphore;

use crate::config::{Persistence, Settings};
use crate::dial::{Live, OnPush, dial};
use crate::facts::{Facts, NoDial};
use crate::fault::{Fault, Remedy, remedy, words};
use crate::script::Args;

/// Whether a request whose answer was lost is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Done twice it is as if done once.
    Yes,
    /// Its caller decides.
    No,
}

/// Requests that may wait for their answers; one more is refused at once.
const REQUESTS_MAX: usize = 8192;

/// Requests to one server.
pub(crate) struct Client {
    pub(crate) env: Env,
    pub(crate) settings: Settings,
    pub(crate) outage: Outage,
    live: Mutex<Option<Arc<Live>>>,
    /// One dials at a time, and not before this moment.
    dialling: tokio::sync::Mutex<Option<Instant>>,
    /// What the server was when it was dialled last.
    facts: Mutex<Option<Facts>>,
    /// Why the last dial has failed, while none has succeeded.
    dial_error: Mutex<Option<String>>,
    /// One permit per request.
    permits: Semaphore,
}

impl Client {
    pub(crate) fn new(env: &Env, settings: Settings) -> Self {
        let outage = Outage::new(env, "redis", settings.addresses.join(","));
        Self {
            env: env.clone(),
            settings,
            outage,
            live: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
            facts: Mutex::default(),
            dial_error: Mutex::default(),
            permits: Semaphore::new(REQUESTS_MAX),
        }
    }

    /// Waits for the server when an app starts. One that is not there in time is dialled by the first request.
    ///
    /// # Errors
    /// The server is not to be used, and what to do about it.
    pub(crate) async fn first(&self) -> Result<(), String> {
        let end = self.env.now() + self.settings.connect;
        let found = self.env.until(end, async {
            loop {
                match self.try_live().await {
                    Ok(_) => return Ok(()),
                    Err(NoDial::Ever(why)) => return Err(why),
                    Err(NoDial::Now(_)) => {}
                }
            }
        });
        found.await.unwrap_or(Ok(()))
    }

    /// What the server keeps, as it said last.
    pub(crate) fn persistence(&self) -> Persistence {
        self.facts.lock().as_ref().map_or(Persistence::None, |facts| facts.persistence)
    }

    /// Which start of the server was dialled last.
    pub(crate) fn run(&self) -> String {
        self.facts.lock().as_ref().map(|facts| facts.run.clone()).unwrap_or_default()
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.env.now() + self.settings.deadline
    }

    /// Runs a script; after an answer, waits for the replicas that the settings ask for if `replicated`.
    pub(crate) async fn call(
        &self,
        script: &Script,
        args: &Args,
        again: Again,
        replicated: bool,
    ) -> Result<Value, Fault> {
        let Ok(_permit) = self.permits.try_acquire() else {
            let why =
                format!("{REQUESTS_MAX} requests wait for the server; find out why it is slow");
            return Err(Fault::Away(why));
        };
        let deadline = self.deadline();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let attempt = self.attempt(script, args, replicated, deadline).await;
            let (remedy, why) = match attempt {
                Ok(value) => return Ok(value),
                Err(Attempt::Over(fault)) => return Err(fault),
                Err(Attempt::Failed(remedy, why)) => (remedy, why),
            };
            match remedy {
                Remedy::Wait => self.env.sleep(self.outage.pause()).await,
                // A server that is dialled and at once lost, time and again, is not kept busy with that.
                Remedy::Dial | Remedy::Lost
                    if attempts > 1 && (again == Again::Yes || remedy == Remedy::Dial) =>
                {
                    self.env.sleep(self.outage.pause()).await;
                }
                Remedy::Dial => {}
                Remedy::GiveUp => return Err(Fault::Refused(why)),
                Remedy::Lost if again == Again::Yes => {}
                Remedy::Broken if again == Again::Yes => return Err(Fault::Damaged(why)),
                Remedy::Lost | Remedy::Broken => return Err(Fault::Unknown(why)),
            }
            if self.env.now() >= deadline {
                return Err(match remedy {
                    Remedy::Lost => Fault::Unknown(why),
                    _ => Fault::Refused(why),
                });
            }
        }
    }

    async fn attempt(
        &self,
        script: &Script,
        args: &Args,
        replicated: bool,
        deadline: Instant,
    ) -> Result<Value, Attempt> {
        let live = self.env.until(deadline, self.live()).await;
        let live = live.ok_or_else(|| Attempt::Over(Fault::Away(self.no_connection())))?;
        let mut conn = live.conn.clone();
        let asked = async {
            let mut invocation = script.prepare_invoke();
            for arg in args.as_slice() {
                invocation.arg(arg.as_slice());
            }
            let value = invocation.invoke_async::<Value>(&mut conn).await?;
            let replicas = if replicated { self.settings.replicas } else { 0 };
            let mut missing = None;
            if replicas > 0 {
                // An eighth of what is left is for the answer.
                let left = deadline.saturating_duration_since(self.env.now()).as_millis();
                let left = (left - left / 8).max(1);
                let mut wait = redis::cmd("WAIT");
                let left = u64::try_from(left).unwrap_or(u64::MAX);
                let have: u32 = wait.arg(replicas).arg(left).query_async(&mut conn).await?;
                missing = Some(have).filter(|have| *have < replicas);
            }
            Ok::<_, redis::RedisError>((value, missing))
        };
        let Some(answer) = self.env.until(deadline, asked).await else {
            let why =
                format!("no answer within deadline_ms = {}", self.settings.deadline.as_millis());
            self.lost(&live);
            self.outage.failed(&why);
            return Err(Attempt::Over(Fault::Unknown(why)));
        };
        match answer {
            Ok((value, None)) => {
                self.outage.worked();
                Ok(value)
            }
            Ok((_, Some(have))) => Err(Attempt::Over(Fault::Unknown(format!(
                "{have} replicas have it in time, and replicas = {} must have it",
                self.settings.replicas
            )))),
            Err(error) => {
                let remedy = remedy(&error);
                if matches!(remedy, Remedy::Dial | Remedy::Lost) {
                    self.lost(&live);
                }
                Err(Attempt::Failed(remedy, words(&error)))
            }
        }
    }

    /// A connection for another use, such as subscriptions.
    pub(crate) async fn dial_another(&self, on_push: OnPush) -> Result<Live, String> {
        let dialled = dial(&self.env, &self.settings, self.dial_time(), Some(on_push)).await;
        dialled.map_err(|error| error.why().to_owned())
    }

    /// Half of the deadline is for a dial, so that an answer still has time.
    fn dial_time(&self) -> Duration {
        self.settings.deadline / 2
    }

    fn lost(&self, live: &Arc<Live>) {
        let mut current = self.live.lock();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, live)) {
            current.take();
        }
    }

    fn no_connection(&self) -> String {
        let why = self.dial_error.lock().clone();
        let why = why.unwrap_or_else(|| "no connection within deadline_ms".to_owned());
        format!("{why}; start the server, or correct the URL")
    }

    /// A connection that works as far as is known.
    async fn live(&self) -> Arc<Live> {
        loop {
            if let Ok(live) = self.try_live().await {
                return live;
            }
        }
    }

    /// The connection that there is, or one attempt to make one, not sooner after a failure than its pause says.
    async fn try_live(&self) -> Result<Arc<Live>, NoDial> {
        let current = || self.live.lock().clone().filter(|live| !live.has_ended());
        if let Some(live) = current() {
            return Ok(live);
        }
        let mut not_before = self.dialling.lock().await;
        if let Some(live) = current() {
            return Ok(live);
        }
        if let Some(then) = *not_before {
            self.env.sleep_until(then).await;
        }
        // A dial that is dropped at the deadline of its request has failed, too.
        *not_before = Some(self.env.now() + self.outage.pause());
        match dial(&self.env, &self.settings, self.dial_time(), None).await {
            Ok(live) => {
                *not_before = None;
                self.dial_error.lock().take();
                self.outage.worked();
                let before = self.facts.lock().replace(live.facts.clone());
                live.facts.say(before.as_ref(), &self.settings.addresses);
                let live = Arc::new(live);
                *self.live.lock() = Some(Arc::clone(&live));
                Ok(live)
            }
            Err(error) => {
                self.outage.failed(&error.why());
                *not_before = Some(self.env.now() + self.outage.pause());
                *self.dial_error.lock() = Some(error.why().to_owned());
                Err(error)
            }
        }
    }
}

enum Attempt {
    /// No other attempt is made.
    Over(Fault),
    Failed(Remedy, String),
}
