//! Spans.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::apps;
use crate::collector::{Collector, attribute};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_from_app_to_app_is_one_trace_at_the_collector() {
    let (collector, address) = Collector::start("127.0.0.1:0").await;
    let apps =
        apps::start(&format!("http://{address}"), &[("otlp.headers.authorization", "Bearer x")])
            .await;
    apps.call("hello").await.unwrap();
    let (client, server) = collector
        .until("a call with both of its spans", |collector| {
            let spans = collector.spans();
            let found = |kind: SpanKind, func: &str, parent: Option<&[u8]>| {
                let mut found = spans.iter().filter(|(resource, span)| {
                    let is_its = span.name.ends_with("/TraceHello") && span.kind == i32::from(kind);
                    let is_below = parent.is_none_or(|parent| span.parent_span_id == parent);
                    is_its && is_below && attribute(resource, "service.name") == func
                });
                found.next_back().map(|(_, span)| span.clone())
            };
            let client = found(SpanKind::Client, "caller", None)?;
            let server = found(SpanKind::Server, "greeter", Some(&client.span_id))?;
            Some((client, server))
        })
        .await;
    assert_eq!(client.trace_id, server.trace_id);
    assert_eq!((client.trace_id.len(), client.span_id.len()), (16, 8));
    assert!(client.parent_span_id.is_empty(), "the trace begins there");
    assert!(client.end_time_unix_nano > client.start_time_unix_nano);
    assert!(client.status.is_none(), "it is no error");
    let (resource, _) = collector.spans().remove(0);
    assert_eq!(attribute(&resource, "service.namespace"), "test.w1");
    assert!(attribute(&resource, "service.instance.id").starts_with("test.w1."));
    assert!(collector.authorization().iter().all(|sent| sent == "Bearer x"));
    apps.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_the_collector_refuses_are_counted() {
    let (collector, address) = Collector::start("127.0.0.1:0").await;
    collector.reject(1);
    let apps = apps::start(&format!("http://{address}"), &[]).await;
    apps.call("hello").await.unwrap();
    let metrics = apps.caller.cx().metrics().clone();
    let refused = || {
        metrics.text().lines().any(|line| {
            line.strip_prefix("guildhall_otlp_refused_total ").is_some_and(|count| count != "0")
        })
    };
    collector.until("the count", |_| refused().then_some(())).await;
    apps.shutdown().await;
}
