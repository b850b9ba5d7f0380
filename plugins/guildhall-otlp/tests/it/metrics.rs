//! Metrics.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;

use crate::apps;
use crate::collector::{Collector, attribute};

fn counted(data: Option<Data>) -> Vec<(String, i64)> {
    let Some(Data::Sum(sum)) = data else { panic!("it is no counter: {data:?}") };
    assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "cumulative");
    let label = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
        point.attributes.iter().map(|label| format!("{}={:?}", label.key, label.value)).collect()
    };
    let value = |value| match value {
        Some(Value::AsInt(count)) => count,
        other => panic!("{other:?}"),
    };
    sum.data_points.into_iter().map(|point| (label(&point), value(point.value))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_the_game_and_of_the_framework_come_with_labels_again_and_again() {
    let (collector, address) = Collector::start("127.0.0.1:0").await;
    let apps = apps::start(&format!("http://{address}"), &[("otlp.metrics_ms", "100")]).await;
    let cx = apps.caller.cx();
    let trades = cx.metrics().counter("mygame_trades_total", "Trades", &["kind"]).unwrap();
    trades.with(&["gold"]).add(3);
    let took = cx.metrics().histogram("mygame_took_seconds", "Time", &[], &[0.5, 1.0]).unwrap();
    took.with(&[]).observe_many(0.7, 2);
    took.with(&[]).observe(9.0);
    let (resource, metric) =
        collector.until("the counter", |collector| collector.metric("mygame_trades_total")).await;
    assert_eq!(attribute(&resource, "service.name"), "caller");
    assert_eq!(metric.description, "Trades");
    let [(label, 3)] = &counted(metric.data)[..] else { panic!("3 trades") };
    assert!(label.starts_with("kind=") && label.contains("\"gold\""), "{label}");
    let (_, metric) =
        collector.until("the histogram", |collector| collector.metric("mygame_took_seconds")).await;
    let Some(Data::Histogram(histogram)) = metric.data else { panic!("it is no histogram") };
    let point = &histogram.data_points[0];
    assert_eq!(
        (&point.explicit_bounds[..], &point.bucket_counts[..]),
        (&[0.5, 1.0][..], &[0, 2, 1][..])
    );
    assert_eq!((point.count, point.sum), (3, Some(10.4)));

    trades.with(&["gold"]).add(1);
    let newer = |collector: &Collector| {
        let (_, metric) = collector.metric("mygame_trades_total")?;
        (counted(metric.data)[0].1 == 4).then_some(())
    };
    collector.until("the newer value", newer).await;
    assert!(collector.metric("guildhall_spans_total").is_some(), "the framework's");
    apps.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_app_sends_its_last_metrics_and_spans() {
    let (collector, address) = Collector::start("127.0.0.1:0").await;
    let later = [("otlp.metrics_ms", "3600000"), ("trace.flush_ms", "3600000")];
    let apps = apps::start(&format!("http://{address}"), &later).await;
    let trades = apps.caller.cx().metrics().counter("mygame_trades_total", "Trades", &[]).unwrap();
    trades.with(&[]).add(5);
    apps.call("hello").await.unwrap();
    assert!(collector.spans().is_empty() && collector.metric("mygame_trades_total").is_none());
    apps.shutdown().await;
    assert!(!collector.spans().is_empty());
    let (_, metric) = collector.metric("mygame_trades_total").unwrap();
    assert_eq!(counted(metric.data)[0].1, 5);
}
