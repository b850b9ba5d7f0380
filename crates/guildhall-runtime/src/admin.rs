//! `[admin]`: HTTP for the operator: `/livez` (it runs), `/readyz` (it serves, or why not), `/metrics` (Prometheus text).

mod http;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::{Accepted, ConnIo, Listener};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::app::{AppInner, StartError, Task};
use crate::cx::Cx;
use http::Page;

/// `[admin]`: HTTP for the operator: `/livez`, `/readyz`, `/metrics`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdminConfig {
    /// `host:port`, `127.0.0.1:9090`; empty: none. It asks nobody who they are: keep it on loopback, or behind a firewall.
    pub listen: String,
    /// Connections at a time; one more is closed at once.
    pub connections_max: usize,
    /// How long a connection may take, in ms. Each has one request.
    pub request_ms: u64,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: String::new(), connections_max: 64, request_ms: 5_000 }
    }
}

/// Binds the address, if there is one, and serves until the app ends.
pub(crate) async fn open(
    app: &Arc<AppInner>,
    config: AdminConfig,
) -> Result<Option<(SocketAddr, Task)>, StartError> {
    if config.listen.is_empty() {
        return Ok(None);
    }
    let bound = app.env.listen("admin.listen", &config.listen).await;
    let (listener, addr) = bound.map_err(StartError::new)?;
    if !addr.ip().is_loopback() {
        tracing::warn!(%addr, "admin.listen is outside loopback: whoever reaches it reads the metrics");
    }
    let task = app.env.spawn("admin", serve(Arc::clone(app), listener, config));
    Ok(Some((addr, task)))
}

async fn serve(app: Arc<AppInner>, listener: Box<dyn Listener>, config: AdminConfig) {
    let room = Arc::new(Semaphore::new(config.connections_max.min(Semaphore::MAX_PERMITS)));
    loop {
        let accepted = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: wait for better times.
                tracing::warn!(%error, "admin: cannot accept");
                app.env.sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        let (cx, ms) = (Cx::outside(Arc::clone(&app)), config.request_ms);
        app.env.spawn("admin-request", async move {
            let deadline = cx.env().now() + Duration::from_millis(ms);
            let answered = cx.env().until(deadline, answer(&cx, accepted)).await;
            if let Some(Err(error)) = answered {
                tracing::debug!(%error, "admin: a request was not answered");
            }
            drop(place);
        });
    }
}

async fn answer(cx: &Cx, accepted: Accepted) -> std::io::Result<()> {
    http::answer(ConnIo::new((accepted.attach)()?), |path| page(cx, path)).await
}

fn page(cx: &Cx, path: &str) -> Page {
    match path {
        "/livez" => Page::text(200, "ok\n"),
        "/readyz" => match cx.problems() {
            problems if problems.is_empty() => Page::text(200, "ready\n"),
            problems => Page::text(503, problems.join("\n") + "\n"),
        },
        "/metrics" => {
            // The checks of the game are made now, so that their gauges are of now.
            let _in_the_gauges = cx.problems();
            Page { kind: "text/plain; version=0.0.4", ..Page::text(200, cx.metrics().text()) }
        }
        _ => Page::text(404, "there are /livez, /readyz and /metrics\n"),
    }
}
