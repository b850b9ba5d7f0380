//! [`Exporter`]: the connection to the collector.

use std::error::Error as _;
use std::iter::successors;
use std::time::Duration;

use guildhall_core::backend::Outage;
use guildhall_core::metrics::{Counter, Snapshot};
use guildhall_core::{AppId, Env, StartError};
use guildhall_runtime::Cx;
use guildhall_runtime::trace::Span;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::attribute::text;
use crate::config::OtlpConfig;
use crate::dial::{Dial, NoConnection};
use crate::{points, spans};

/// Values in one request: collectors take 4 MiB.
const POINTS_MAX: usize = 2_000;

/// Bytes of an answer's reason that are kept.
const REASON_MAX: usize = 200;

/// Sends spans and metrics, each request with its own deadline.
#[derive(Debug)]
pub(crate) struct Exporter {
    env: Env,
    channel: Channel,
    /// Without TLS.
    is_plain: bool,
    metadata: MetadataMap,
    resource: Resource,
    deadline: Duration,
    /// Since the Unix epoch: what counters count from.
    started: Duration,
    /// Of metrics: the log's lines.
    outage: Outage,
    refused: Counter,
    lost: Counter,
}

impl Exporter {
    /// Connects at the first request, and again whenever that is needed.
    pub(crate) fn new(cx: &Cx, config: OtlpConfig) -> Result<Self, StartError> {
        let deadline = Duration::from_millis(config.deadline_ms.max(1));
        let (endpoint, roots) = config.endpoint()?;
        let is_plain = roots.is_none();
        let dial = Dial { env: cx.env().clone(), roots };
        let channel = endpoint.connect_timeout(deadline).connect_with_connector_lazy(dial);
        let help = "Spans and values of metrics that the collector refused";
        let refused = cx.metrics().counter("guildhall_otlp_refused_total", help, &[])?.with(&[]);
        let help = "Exports of metrics that did not reach the collector";
        let lost = cx.metrics().counter("guildhall_otlp_metrics_lost_total", help, &[])?.with(&[]);
        Ok(Self {
            env: cx.env().clone(),
            channel,
            is_plain,
            metadata: config.metadata()?,
            resource: resource(cx.app_id()),
            deadline,
            started: cx.env().wall(),
            outage: Outage::new(cx.env(), "otlp", config.endpoint),
            refused,
            lost,
        })
    }

    /// Sends spans; whoever calls this has the deadline, and counts what is lost.
    pub(crate) async fn spans(&self, spans: &[Span]) -> Result<(), String> {
        let scope_spans = vec![ScopeSpans {
            scope: scope(),
            spans: spans.iter().map(spans::converted).collect(),
            ..ScopeSpans::default()
        }];
        let resource_spans = vec![ResourceSpans {
            resource: Some(self.resource.clone()),
            scope_spans,
            ..ResourceSpans::default()
        }];
        let request = self.request(ExportTraceServiceRequest { resource_spans });
        let answer = TraceServiceClient::new(self.channel.clone()).export(request).await;
        let answer = answer.map_err(|status| self.said(&status))?.into_inner();
        let refused = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
        self.refused.add(u64::try_from(refused).unwrap_or_default());
        Ok(())
    }

    /// Sends the values of all metrics, and gives up at the deadline: the next export has newer ones.
    pub(crate) async fn metrics(&self, snapshots: Vec<Snapshot>) {
        let end = self.env.now() + self.deadline;
        let sent = self.env.until(end, self.send(snapshots)).await;
        let sent = sent.unwrap_or_else(|| Err("no answer in time (otlp.deadline_ms)".to_owned()));
        if self.outage.note(sent).is_err() {
            self.lost.add(1);
        }
    }

    async fn send(&self, snapshots: Vec<Snapshot>) -> Result<(), String> {
        let metrics = points::converted(snapshots, self.started, self.env.wall());
        for metrics in points::parts(metrics, POINTS_MAX) {
            let scope_metrics =
                vec![ScopeMetrics { scope: scope(), metrics, ..ScopeMetrics::default() }];
            let resource_metrics = vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics,
                ..ResourceMetrics::default()
            }];
            let request = self.request(ExportMetricsServiceRequest { resource_metrics });
            let answer = MetricsServiceClient::new(self.channel.clone()).export(request).await;
            let answer = answer.map_err(|status| self.said(&status))?.into_inner();
            let refused = answer.partial_success.map_or(0, |partial| partial.rejected_data_points);
            self.refused.add(u64::try_from(refused).unwrap_or_default());
        }
        Ok(())
    }

    /// Why a request failed, without what a collector might have repeated of it.
    fn said(&self, status: &Status) -> String {
        let message: String = status.message().chars().take(REASON_MAX).collect();
        // What the collector itself says has no source.
        let mut sources = successors(status.source(), |&error| error.source()).peekable();
        let is_cut = sources.peek().is_some() && !sources.any(|error| error.is::<NoConnection>());
        let hint = match is_cut && self.is_plain {
            true => " (if the collector has TLS, write https:// and otlp.ca)",
            false => "",
        };
        format!("{:?}: {message}{hint}", status.code())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        request
    }
}

/// What a collector knows an app as.
fn resource(id: &AppId) -> Resource {
    let attributes = vec![
        text("service.name", id.func()),
        text("service.namespace", format!("{}.{}", id.env(), id.world())),
        text("service.instance.id", id.to_string()),
    ];
    Resource { attributes, ..Resource::default() }
}

#[allow(clippy::unnecessary_wraps, reason = "the messages have it as an option")]
fn scope() -> Option<InstrumentationScope> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Some(InstrumentationScope {
        name: "guildhall".to_owned(),
        version,
        ..InstrumentationScope::default()
    })
}
