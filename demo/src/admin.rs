//! For the operator: `/healthz` (it runs), `/readyz` (it can serve players), `/metrics` (Prometheus text).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use guildhall::{BoxFuture, Component, Config, Cx, StartError};
use serde::{Deserialize, Serialize};

use crate::needs::Needs;
use crate::web::{Limits, Web};

/// `[admin]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdminConfig {
    /// `host:port` of the HTTP server. It asks nobody who they are: keep it on loopback.
    pub listen: String,
    /// Connections at a time; one more is closed at once.
    pub connections_max: usize,
    /// How long a connection may be silent, in ms.
    pub idle_ms: u64,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:7090".into(), connections_max: 64, idle_ms: 30_000 }
    }
}

/// The component that serves them; clones are the same one.
#[derive(Clone, Debug)]
pub struct Admin(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    web: Web,
    needs: Needs,
    draining: AtomicBool,
}

impl Admin {
    /// For an app that serves players when it finds `needs`.
    pub fn new(needs: Needs) -> Self {
        Self(Arc::new(Inner { web: Web::new(), needs, draining: AtomicBool::new(false) }))
    }

    /// Where it listens, once it does.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.0.web.addr()
    }
}

impl Component for Admin {
    fn start<'a>(
        self: Arc<Self>,
        config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>> {
        Box::pin(async move {
            let config: AdminConfig = config.section("admin")?;
            let limits = Limits {
                connections: config.connections_max,
                idle: Duration::from_millis(config.idle_ms),
            };
            let (inner, env) = (Arc::clone(&self.0), cx.env().clone());
            let router = router(&inner, &cx);
            inner.web.serve(&env, "admin.listen", &config.listen, limits, router).await
        })
    }

    /// Answers to the end, so that whoever watches sees it drain.
    fn drain(self: Arc<Self>, _cx: Cx) -> BoxFuture<'static, ()> {
        self.0.draining.store(true, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }
}

fn router(inner: &Arc<Inner>, cx: &Cx) -> Router {
    let (ready, metrics) = ((Arc::clone(inner), cx.clone()), cx.metrics().clone());
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || std::future::ready(ready.0.ready(&ready.1))))
        .route(
            "/metrics",
            get(move || {
                let text = metrics.text();
                std::future::ready(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text))
            }),
        )
}

impl Inner {
    fn ready(&self, cx: &Cx) -> (StatusCode, String) {
        if self.draining.load(Ordering::Relaxed) {
            return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".into());
        }
        match self.needs.missing(cx) {
            missing if missing.is_empty() => (StatusCode::OK, "ready\n".into()),
            missing => {
                let missing = format!("no app serves {}\n", missing.join(", "));
                (StatusCode::SERVICE_UNAVAILABLE, missing)
            }
        }
    }
}
