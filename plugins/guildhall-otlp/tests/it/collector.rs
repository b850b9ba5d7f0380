//! A collector that keeps what it gets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildhall_core::Env;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Longest wait for something to come.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    spans: Vec<(Resource, Span)>,
    metrics: Vec<(Resource, Metric)>,
    authorization: Vec<String>,
    rejects: i64,
}

impl Collector {
    /// One that listens there; port 0 is any. It ends with the test.
    pub(crate) async fn start(at: &str) -> (Self, SocketAddr) {
        let collector = Self::default();
        let listener = tokio::net::TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()))
            .add_service(MetricsServiceServer::new(collector.clone()));
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        Env::real().spawn("test.collector", serving.serve_with_incoming(incoming));
        (collector, address)
    }

    /// Says of so many spans of each request that it does not take them.
    pub(crate) fn reject(&self, spans: i64) {
        self.0.lock().unwrap().rejects = spans;
    }

    pub(crate) fn spans(&self) -> Vec<(Resource, Span)> {
        self.0.lock().unwrap().spans.clone()
    }

    /// The last values of the metric with this name.
    pub(crate) fn metric(&self, name: &str) -> Option<(Resource, Metric)> {
        let kept = self.0.lock().unwrap();
        kept.metrics.iter().rfind(|(_, metric)| metric.name == name).cloned()
    }

    pub(crate) fn authorization(&self) -> Vec<String> {
        self.0.lock().unwrap().authorization.clone()
    }

    /// Waits until what has come is enough.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let env = Env::real();
        let end = env.now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(env.now() < end, "{what} did not come");
            env.sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.0.lock().unwrap();
        let sent = request.metadata().get("authorization");
        kept.authorization.extend(sent.map(|value| value.to_str().unwrap().to_owned()));
        for of in request.into_inner().resource_spans {
            let resource = of.resource.unwrap();
            let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
            kept.spans.extend(spans.map(|span| (resource.clone(), span)));
        }
        let partial_success = (kept.rejects > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: kept.rejects,
            error_message: "too many".to_owned(),
        });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut kept = self.0.lock().unwrap();
        for of in request.into_inner().resource_metrics {
            let resource = of.resource.unwrap();
            let metrics = of.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            kept.metrics.extend(metrics.map(|metric| (resource.clone(), metric)));
        }
        Ok(Response::new(ExportMetricsServiceResponse { partial_success: None }))
    }
}

/// The value of an attribute of a resource.
pub(crate) fn attribute(resource: &Resource, key: &str) -> String {
    let found = resource.attributes.iter().find(|attribute| attribute.key == key).unwrap();
    match found.value.clone().unwrap().value.unwrap() {
        opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text) => text,
        other => panic!("{key} is {other:?}"),
    }
}
