//! [`Client`]: the connection to NATS, and requests that end when it ends.

mod link;
mod greeting;
mod dialler;

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, context::ContextBuilder};
use async_nats::{ConnectOptions, ServerAddr, ToServerAddrs as _};
use guildhall_core::Env;
use guildhall_core::backend::Outage;
use tokio::sync::watch;

use crate::config::{Login, Settings};
use crate::fault::Fault;
use dialler::Dialler;
use link::News;

pub(crate) use link::Link;

/// How long an attempt at one address of a server may take, its greeting included. A name may have an address that never answers.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How often a silent server is asked whether it is there; after three such times the connection is given up.
const PING: Duration = Duration::from_secs(2);
/// Requests that wait for a connection that is busy.
const REQUESTS_MAX: usize = 4096;

/// A connection to NATS, made in the background and again whenever it is lost.
pub(crate) struct Client {
    pub(crate) env: Env,
    pub(crate) settings: Settings,
    pub(crate) outage: Outage,
    /// Prefix of subjects: that of the settings, and the env of the app, which never mixes with another.
    pub(crate) space: String,
    pub(crate) nats: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
    link: watch::Receiver<Link>,
}

impl Client {
    /// Begins to connect.
    ///
    /// # Errors
    /// The addresses cannot be read.
    pub(crate) async fn open(env: &Env, space: &str, settings: Settings) -> Result<Self, String> {
        let outage = Outage::new(env, "nats", settings.server());
        let (links, link) = watch::channel(Link::NONE);
        let news = News { links: Arc::new(links), outage: outage.clone() };
        let roots = settings.roots.clone();
        let dialler = Dialler { env: env.clone(), news: news.clone(), roots };
        let options = match &settings.login {
            Login::Nobody => ConnectOptions::new(),
            Login::Token(token) => ConnectOptions::with_token(token.clone()),
            Login::User(user, password) => {
                ConnectOptions::with_user_and_password(user.clone(), password.clone())
            }
        };
        let options = match &settings.roots {
            None => options,
            Some(roots) => {
                let config = roots.client(env, &[]).map_err(|error| error.to_string())?;
                options.require_tls(true).tls_client_config(config)
            }
        };
        let options = options
            .name("guildhall")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .connection_timeout(ATTEMPT)
            .ping_interval(PING)
            .request_timeout(Some(settings.deadline))
            .client_capacity(REQUESTS_MAX)
            .ignore_discovered_servers()
            .event_callback(move |event| {
                news.hear(&event);
                std::future::ready(())
            })
            .reconnect_to_server_callback(move |servers, _info| dialler.clone().choose(servers));
        let addresses: Vec<ServerAddr> = addresses(&settings)?;
        let nats = options.connect(addresses).await.map_err(|error| error.to_string())?;
        let jetstream = ContextBuilder::new()
            .timeout(settings.deadline)
            .ack_timeout(settings.deadline)
            .max_ack_inflight(REQUESTS_MAX)
            .build(nats.clone());
        let (env, space) = (env.clone(), format!("{}.{space}", settings.prefix));
        Ok(Self { env, settings, outage, space, nats, jetstream, link })
    }

    /// Names of streams and consumers have no dots.
    pub(crate) fn stream_name(&self, what: &str) -> String {
        format!("{}_{what}", self.space.replace('.', "_"))
    }

    /// The present connection.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn link(&self) -> Result<Link, Fault> {
        let link = *self.link.borrow();
        match link.is_up && self.nats.connection_state() == State::Connected {
            true => Ok(link),
            false => Err(Fault::Away(self.why_away())),
        }
    }

    fn why_away(&self) -> String {
        let server = self.settings.server();
        match self.outage.health().outage {
            Some((_, why)) => {
                format!("no connection to {server}: {why}; start the server, or correct the URL")
            }
            None => format!("no connection to {server} yet"),
        }
    }

    /// Waits for a connection, at most until the deadline of a request.
    pub(crate) async fn connected(&self) -> Result<Link, Fault> {
        let mut links = self.link.clone();
        let is_up = self.env.until(self.env.now() + self.settings.deadline, async {
            links.wait_for(|link| link.is_up).await.is_ok()
        });
        is_up.await;
        self.link()
    }

    /// The present connection, or the first one, for which it waits until its first attempt has failed.
    pub(crate) async fn up(&self) -> Result<Link, Fault> {
        let mut links = self.link.clone();
        let deadline = self.env.now() + self.settings.deadline;
        self.env.until(deadline, links.wait_for(|link| link.is_tried)).await;
        self.link()
    }

    /// Waits until `link` is lost, or has lost something.
    pub(crate) async fn lost(&self, link: Link) {
        let mut links = self.link.clone();
        // An error means that the connection is closed.
        drop(links.wait_for(|now| !now.is_up || now.number != link.number).await);
    }

    /// Gives something to the connection that has no answer.
    ///
    /// # Errors
    /// `Away`: nothing was sent. `Lost`: it may have been.
    pub(crate) async fn send<T, E: Into<Fault>>(
        &self,
        sent: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Fault> {
        self.up().await?;
        let sent = self.env.until(self.env.now() + self.settings.deadline, sent).await;
        sent.ok_or_else(|| self.late())?.map_err(Into::into)
    }

    pub(crate) fn late(&self) -> Fault {
        Fault::Lost(format!(
            "no answer within deadline_ms = {}",
            self.settings.deadline.as_millis()
        ))
    }

    /// Runs a request until its answer, the deadline or the loss of its connection.
    ///
    /// # Errors
    /// `Away`: nothing was sent. `Lost`: it may have happened.
    pub(crate) async fn run<T, E: Into<Fault>>(
        &self,
        request: impl IntoFuture<Output = Result<T, E>>,
    ) -> Result<T, Fault> {
        let link = self.up().await?;
        let deadline = self.env.now() + self.settings.deadline;
        let answer = self.env.until(deadline, async {
            tokio::select! {
                biased;
                answer = request.into_future() => Some(answer.map_err(Into::into)),
                () = self.lost(link) => None,
            }
        });
        let answer = match answer.await {
            Some(Some(answer)) => answer,
            Some(None) => Err(Fault::Lost("the connection was lost before the answer".to_owned())),
            None => Err(self.late()),
        };
        self.note(answer)
    }

    /// Notes whether the server has answered.
    pub(crate) fn note<T>(&self, answer: Result<T, Fault>) -> Result<T, Fault> {
        match &answer {
            Err(fault @ Fault::Lost(_)) => self.outage.failed(fault),
            _ => self.outage.worked(),
        }
        answer
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.settings)
            .field("link", &*self.link.borrow())
            .finish_non_exhaustive()
    }
}

fn addresses(settings: &Settings) -> Result<Vec<ServerAddr>, String> {
    let mut found = Vec::new();
    for address in &settings.addresses {
        let url = format!("nats://{address}");
        let read = url.to_server_addrs().map_err(|error| format!("{address}: {error}"))?;
        found.extend(read);
    }
    Ok(found)
}
