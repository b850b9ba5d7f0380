//! [`Family`]: one metric with a bounded number of series.

use std::sync::Arc;

use parking_lot::Mutex;

use super::config::MetricsConfig;
use super::number::Counter;

/// The value of all labels of the series that takes what has no room.
const OTHER: &str = "other";

/// A metric with `N` labels. Cheap to clone; clones are the same metric.
pub struct Family<M, const N: usize>(pub(super) Arc<Series<M>>);

impl<M: Clone, const N: usize> Family<M, N> {
    /// The series of these label values, to keep where it is used often. When there are `metrics.series_max` series already,
    /// or a value is longer than `metrics.label_bytes_max`, it is the one whose labels all say `other`.
    pub fn with(&self, values: &[&str; N]) -> M {
        self.0.with(values)
    }

    /// Makes `metric`, which was counted before the app had metrics, the series of these label values.
    pub fn adopt(&self, values: &[&str; N], metric: &M) {
        self.0.adopt(values, metric);
    }
}

impl<M, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M, const N: usize> std::fmt::Debug for Family<M, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("series", &self.0.by_labels.lock().len()).finish()
    }
}

/// The series of a metric, by the values of their labels.
pub(super) struct Series<M> {
    /// In ascending order.
    by_labels: Mutex<Vec<(Vec<String>, M)>>,
    make: Box<dyn Fn() -> M + Send + Sync>,
    /// Counts what goes to `other`.
    others: Counter,
    max: usize,
    label_bytes_max: usize,
}

impl<M> Series<M> {
    pub(super) fn new(
        config: &MetricsConfig,
        others: Counter,
        make: impl Fn() -> M + Send + Sync + 'static,
    ) -> Self {
        Self {
            by_labels: Mutex::default(),
            make: Box::new(make),
            others,
            max: config.series_max,
            label_bytes_max: config.label_bytes_max,
        }
    }

    pub(super) fn each(&self, mut visit: impl FnMut(&[String], &M)) {
        self.by_labels.lock().iter().for_each(|(values, metric)| visit(values, metric));
    }
}

impl<M: Clone> Series<M> {
    fn with(&self, values: &[&str]) -> M {
        let mut series = self.by_labels.lock();
        let place = match find(&series, values) {
            Ok(at) => return series[at].1.clone(),
            Err(place) => place,
        };
        // One without labels is no growth.
        let room = values.is_empty()
            || (series.len() < self.max && values.iter().all(|v| v.len() <= self.label_bytes_max));
        if room {
            return insert(&mut series, place, values, (self.make)());
        }
        self.others.add(1);
        let values = vec![OTHER; values.len()];
        match find(&series, &values) {
            Ok(at) => series[at].1.clone(),
            // The one series over the limit.
            Err(place) => insert(&mut series, place, &values, (self.make)()),
        }
    }

    fn adopt(&self, values: &[&str], metric: &M) {
        let _made_if_there_is_room = self.with(values);
        let mut series = self.by_labels.lock();
        if let Ok(at) = find(&series, values) {
            series[at].1 = metric.clone();
        }
    }
}

fn find<M>(series: &[(Vec<String>, M)], values: &[&str]) -> Result<usize, usize> {
    series.binary_search_by(|(present, _)| {
        present.iter().map(String::as_str).cmp(values.iter().copied())
    })
}

fn insert<M: Clone>(
    series: &mut Vec<(Vec<String>, M)>,
    place: usize,
    values: &[&str],
    metric: M,
) -> M {
    series.insert(place, (values.iter().map(ToString::to_string).collect(), metric.clone()));
    metric
}
