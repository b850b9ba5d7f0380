//! Traces and metrics of an app to a collector of OpenTelemetry, by OTLP over gRPC: Jaeger, Tempo, Prometheus, and whatever else takes that.
//!
//! ```no_run
//! # fn main() -> Result<(), guildhall_runtime::StartError> {
//! // [otlp]
//! // endpoint = "http://10.0.0.9:4317"
//! let otlp = guildhall_otlp::Otlp::new();
//! guildhall_runtime::App::load()?.spans(otlp.spans()).component(otlp).run()
//! # }
//! ```
//!
//! Spans and metrics are the ones that every app has ([`guildhall_runtime::trace`], [`guildhall_core::metrics`]); here they only change
//! their form. So a trace has one id through all apps, whatever each of them exports to. README.md beside this crate says what is lost when.

mod config;
mod attribute;
mod spans;
mod points;
mod dial;
mod export;

use std::sync::{Arc, OnceLock};

use guildhall_core::{BoxFuture, Config, StartError};
use guildhall_runtime::trace::{Span, SpanExporter};
use guildhall_runtime::{Component, Cx};

pub use config::OtlpConfig;

use export::Exporter;

/// What sends an app's traces and metrics: its spans for `App::spans`, itself for `App::component`.
#[derive(Clone, Debug, Default)]
pub struct Otlp(Arc<OnceLock<Exporter>>);

impl Otlp {
    /// It sends nothing until the app starts, which brings the section `[otlp]`.
    pub fn new() -> Self {
        Self::default()
    }

    /// What takes the spans of the app: `App::spans`.
    pub fn spans(&self) -> Arc<dyn SpanExporter> {
        Arc::new(self.clone())
    }
}

impl SpanExporter for Otlp {
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            match self.0.get() {
                Some(exporter) => exporter.spans(spans).await,
                None => {
                    Err("the app has not started its component Otlp; add it with App::component"
                        .to_owned())
                }
            }
        })
    }
}

impl Component for Otlp {
    fn start<'a>(
        self: Arc<Self>,
        config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>> {
        Box::pin(async move {
            let config: OtlpConfig = config.section("otlp")?;
            let every = config.metrics_every();
            let exporter = Exporter::new(&cx, config)?;
            if self.0.set(exporter).is_err() {
                return Err(StartError::program(
                    "one Otlp serves one app; make another with Otlp::new",
                ));
            }
            let Some(every) = every else { return Ok(()) };
            let (env, sends) = (cx.env().clone(), self);
            env.clone().spawn("otlp.metrics", async move {
                loop {
                    env.sleep(every).await;
                    sends.send_metrics(&cx).await;
                }
            });
            Ok(())
        })
    }

    fn drain(self: Arc<Self>, cx: Cx) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.send_metrics(&cx).await })
    }
}

impl Otlp {
    async fn send_metrics(&self, cx: &Cx) {
        if let Some(exporter) = self.0.get() {
            exporter.metrics(cx.metrics().read()).await;
        }
    }
}
