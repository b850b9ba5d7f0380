//! Metrics in OTLP's form.

use std::time::Duration;

use guildhall_core::metrics::{Snapshot, Value};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    Summary, SummaryDataPoint,
};

use crate::attribute::text;
use crate::spans::nanos;

/// Counts since the start of the app, as they are now. Times are since the Unix epoch.
pub(crate) fn converted(snapshots: Vec<Snapshot>, started: Duration, now: Duration) -> Vec<Metric> {
    let times = Times { started: nanos(started), now: nanos(now) };
    snapshots.into_iter().filter_map(|snapshot| metric(snapshot, times)).collect()
}

/// Divides metrics into parts with at most about `points` values each, which is exact where no metric alone has more.
pub(crate) fn parts(metrics: Vec<Metric>, points: usize) -> Vec<Vec<Metric>> {
    let (mut parts, mut part, mut held) = (Vec::new(), Vec::new(), 0);
    for metric in metrics {
        let more = len(&metric);
        if held + more > points && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            held = 0;
        }
        held += more;
        part.push(metric);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

fn len(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        _ => 0,
    }
}

#[derive(Clone, Copy)]
struct Times {
    started: u64,
    now: u64,
}

/// A metric of which there are values. All of them are of one kind.
fn metric(snapshot: Snapshot, times: Times) -> Option<Metric> {
    let Snapshot { name, help, labels, series } = snapshot;
    let cumulative = AggregationTemporality::Cumulative.into();
    let mut data = match series.first()?.1 {
        Value::Counter(_) => Data::Sum(Sum {
            aggregation_temporality: cumulative,
            is_monotonic: true,
            ..Sum::default()
        }),
        Value::Gauge(_) => Data::Gauge(Gauge::default()),
        Value::Histogram { .. } => Data::Histogram(Histogram {
            aggregation_temporality: cumulative,
            ..Histogram::default()
        }),
        Value::Summary { .. } => Data::Summary(Summary::default()),
    };
    for (values, value) in series {
        let labels = labels.iter().zip(values).map(|(label, value)| text(label, value)).collect();
        add(&mut data, labels, value, times);
    }
    Some(Metric { name, description: help, data: Some(data), ..Metric::default() })
}

fn add(data: &mut Data, attributes: Vec<KeyValue>, value: Value, times: Times) {
    match (data, value) {
        (Data::Sum(sum), Value::Counter(count)) => {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            sum.data_points.push(number(attributes, count, times));
        }
        (Data::Gauge(gauge), Value::Gauge(value)) => {
            gauge.data_points.push(number(attributes, value, times));
        }
        (Data::Histogram(histogram), Value::Histogram { buckets, sum }) => {
            histogram.data_points.push(HistogramDataPoint {
                attributes,
                start_time_unix_nano: times.started,
                time_unix_nano: times.now,
                count: buckets.iter().map(|(_, count)| count).sum(),
                sum: Some(sum),
                bucket_counts: buckets.iter().map(|(_, count)| *count).collect(),
                // The last bucket has none.
                explicit_bounds: buckets
                    .iter()
                    .map(|(bound, _)| *bound)
                    .filter(|bound| bound.is_finite())
                    .collect(),
                ..HistogramDataPoint::default()
            });
        }
        (Data::Summary(summary), Value::Summary { quantiles, sum, count }) => {
            let quantiles = quantiles.into_iter().filter(|(_, value)| value.is_finite());
            let quantile_values =
                quantiles.map(|(quantile, value)| ValueAtQuantile { quantile, value }).collect();
            summary.data_points.push(SummaryDataPoint {
                attributes,
                start_time_unix_nano: times.started,
                time_unix_nano: times.now,
                count,
                sum,
                quantile_values,
                ..SummaryDataPoint::default()
            });
        }
        // A metric's values are of its kind.
        _ => {}
    }
}

fn number(attributes: Vec<KeyValue>, value: i64, times: Times) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: times.started,
        time_unix_nano: times.now,
        value: Some(Number::AsInt(value)),
        ..NumberDataPoint::default()
    }
}
