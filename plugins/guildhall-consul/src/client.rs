//! [`Client`]: requests to the agent over HTTP/1.1, on hyper.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::Env;
use guildhall_core::backend::Outage;
use guildhall_http::Io;
use guildhall_tls::connect;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::config::Settings;
use crate::fault::Fault;

/// Bytes of an answer, above which it is an error: the registrations of a deployment.
const ANSWER_MAX: usize = 64 << 20;
/// Connections that are kept for the next requests: as many ids are leased at a time.
const IDLE_MAX: usize = 16;
/// Requests at a time; further ones are refused at once.
const REQUESTS_MAX: usize = 256;

/// A client of one agent.
pub(crate) struct Client {
    pub(crate) env: Env,
    pub(crate) settings: Settings,
    pub(crate) outage: Outage,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    requests: Semaphore,
}

/// What the agent has answered with success.
pub(crate) struct Answer {
    /// What a blocking query goes on from.
    pub(crate) index: u64,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) fn new(env: &Env, settings: Settings) -> Self {
        let outage = Outage::new(env, "consul", settings.address.clone());
        let (idle, requests) = (Mutex::default(), Semaphore::new(REQUESTS_MAX));
        Self { env: env.clone(), settings, outage, idle, requests }
    }

    /// Sends a request, within the deadline of the settings. A path has only characters that URLs have as themselves.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, Fault> {
        self.call_within(self.settings.deadline, method, path, body).await
    }

    /// As `call`, with another deadline.
    pub(crate) async fn call_within(
        &self,
        deadline: Duration,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, Fault> {
        let (status, answer) = self.exchange(deadline, method, path, body).await?;
        match status.is_success() {
            true => Ok(answer),
            false => Err(Fault::Refused(status.as_u16(), self.said(&answer.body))),
        }
    }

    /// Asks for a list, which has an index and no body where it is empty.
    pub(crate) async fn list_within(
        &self,
        deadline: Duration,
        path: &str,
    ) -> Result<Answer, Fault> {
        match self.exchange(deadline, "GET", path, Bytes::new()).await? {
            (status, answer) if status.is_success() => Ok(answer),
            (StatusCode::NOT_FOUND, Answer { index, body }) if index > 0 && body.is_empty() => {
                Ok(Answer { index, body })
            }
            (status, answer) => Err(Fault::Refused(status.as_u16(), self.said(&answer.body))),
        }
    }

    async fn exchange(
        &self,
        deadline: Duration,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Answer), Fault> {
        let Ok(_permit) = self.requests.try_acquire() else {
            let why = format!("{REQUESTS_MAX} requests are waiting; the agent is too slow");
            return Err(Fault::Lost(why));
        };
        let called = self.env.until(self.env.now() + deadline, self.send(method, path, body)).await;
        let called = called.unwrap_or_else(|| {
            let ms = deadline.as_millis();
            Err(Fault::Lost(format!("the agent did not answer within {ms} ms (deadline_ms)")))
        });
        match &called {
            Err(Fault::Lost(why)) => self.outage.failed(why),
            _ => self.outage.worked(),
        }
        called
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Answer), Fault> {
        let lost = |error: &dyn Display| Fault::Lost(format!("{}: {error}", self.settings.address));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.settings.address)
            .header("content-type", "application/json");
        if let Some(token) = &self.settings.token {
            request = request.header("x-consul-token", token);
        }
        let request = request.body(Full::new(body)).map_err(|error| lost(&error))?;
        let mut connection = match self.idle_connection() {
            Some(connection) => connection,
            None => self.dial().await.map_err(|error| lost(&error))?,
        };
        let answer = connection.send_request(request).await.map_err(|error| lost(&error))?;
        let status = answer.status();
        let index = answer.headers().get("x-consul-index");
        let index = index.and_then(|index| index.to_str().ok()?.parse().ok()).unwrap_or_default();
        let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|error| lost(&error))?.to_bytes();
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        Ok((status, Answer { index, body }))
    }

    /// What an agent says that refuses.
    fn said(&self, body: &[u8]) -> String {
        let body = String::from_utf8_lossy(body).trim().to_owned();
        match self.settings.roots.is_none() && body.contains("HTTP request to an HTTPS server") {
            true => "it wants TLS; write consuls://…?ca=FILE".to_owned(),
            false => body,
        }
    }

    fn idle_connection(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock();
        idle.retain(|connection| !connection.is_closed());
        idle.pop_if(|connection| connection.is_ready())
    }

    async fn dial(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let (env, Settings { address, roots, .. }) = (&self.env, &self.settings);
        let said = |error: std::io::Error| error.to_string();
        let connected = connect(env, roots.as_ref(), address, &["http/1.1"]).await;
        let conn = connected.map_err(said)?;
        let (sender, driver) = handshake(Io::new(conn)).await.map_err(|error| error.to_string())?;
        // What went wrong is the error of the request that was on it.
        self.env.spawn("consul.connection", driver.map(drop));
        Ok(sender)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}
