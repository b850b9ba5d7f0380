//! `[admin]`: HTTP for the operator: `/livez` (it runs), `/readyz` (it serves, or why not), `/metrics` (Prometheus text).

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guildhall_core::StartError;
use guildhall_http::header::{ALLOW, HeaderValue};
use guildhall_http::{Answer, Limits, Method, Origins, Refused, Request, Server, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::call::{Core, Cx};

/// `[admin]`: the operator's HTTP pages `/livez`, `/readyz`, `/metrics`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdminConfig {
    /// Address `host:port`, for example `127.0.0.1:9090`; empty: no pages. There is no authentication: keep it on loopback, or behind
    /// a firewall.
    pub listen: String,
    /// Connections, each with one request. One more replaces the connection that has waited longest for its client.
    pub connections_max: usize,
    /// Time for the head of a request, for its answer, and for the client to read it, each in ms.
    pub request_ms: u64,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: String::new(), connections_max: 64, request_ms: 5_000 }
    }
}

impl AdminConfig {
    fn limits(&self) -> Limits {
        let request = Duration::from_millis(self.request_ms);
        Limits {
            connections: self.connections_max,
            // Operators come from few machines.
            per_address: self.connections_max,
            head: request,
            body_max: BODY_MAX,
            request,
            idle: request,
            keep_alive: false,
            origins: Origins::default(),
        }
    }
}

/// A GET has no body; this one is read and ignored.
const BODY_MAX: usize = 1 << 10;

/// Where `[admin]` listens, once it does.
#[derive(Debug, Default)]
pub(crate) struct AdminAddr(pub(crate) OnceLock<SocketAddr>);

impl Cx {
    /// The bound address of the admin pages; `None` if `admin.listen` is empty.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.core.part::<AdminAddr>().0.get().copied()
    }
}

/// Binds the address, if there is one, and serves until the app ends.
pub(crate) async fn open(
    core: &Arc<Core>,
    config: AdminConfig,
) -> Result<Option<(SocketAddr, JoinHandle<Option<()>>)>, StartError> {
    if config.listen.is_empty() {
        return Ok(None);
    }
    let pages = Pages(Arc::clone(core));
    let (key, limits) = ("admin.listen", config.limits());
    let server = Server::start(&core.env, key, &config.listen, limits, pages).await;
    let server = server.map_err(|why| StartError::listen("admin.listen", why))?;
    let addr = server.addr();
    if !addr.ip().is_loopback() {
        tracing::warn!(%addr, "admin.listen is not a loopback address: everybody who can reach it can read the metrics");
    }
    Ok(Some((addr, server.detach())))
}

struct Pages(Arc<Core>);

impl guildhall_http::Service for Pages {
    async fn serve(&self, request: Request) -> Answer {
        match request.method {
            Method::GET | Method::HEAD => page(&Cx::outside(&self.0), &request.path),
            _ => text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n")
                .with(ALLOW, HeaderValue::from_static("GET, HEAD")),
        }
    }

    fn refuse(&self, why: Refused) -> Answer {
        text(why.code(), format!("{why:?}\n"))
    }
}

fn page(cx: &Cx, path: &str) -> Answer {
    match path {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" => match cx.problems() {
            problems if problems.is_empty() => text(StatusCode::OK, "ready\n"),
            problems => text(StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n"),
        },
        "/metrics" => {
            // The checks of the game are made now, so that their gauges are of now.
            let _in_the_gauges = cx.problems();
            Answer::new(StatusCode::OK, "text/plain; version=0.0.4", cx.metrics().text())
        }
        _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n"),
    }
}

fn text(code: StatusCode, body: impl Into<String>) -> Answer {
    Answer::new(code, "text/plain; charset=utf-8", body.into())
}
