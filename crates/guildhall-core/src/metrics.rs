//! Metrics of an app: counters, gauges, histograms and summaries with labels, and their text for Prometheus.
//!
//! ```no_run
//! # fn trades(metrics: &guildhall_core::metrics::Metrics) -> Result<(), guildhall_core::StartError> {
//! let trades = metrics.counter("mygame_trades_total", "Trades that were made", &["kind"])?;
//! trades.with(&["gold"]).add(1);
//! # Ok(())
//! # }
//! ```

mod config;
mod number;
mod histogram;
mod summary;
mod live_count;
mod family;
mod text;
mod snapshot;
mod names;

use std::any::Any;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Env, StartError};
use family::Series;
use snapshot::Valued;
use text::{Kind, Written};

pub use config::MetricsConfig;
pub use family::Family;
pub use histogram::{Histogram, SECONDS};
pub use live_count::LiveCount;
pub use number::{Counter, Gauge, GaugeGuard};
pub use snapshot::{Snapshot, Value};
pub use summary::Summary;

/// The metrics of one app. Clones are the same ones.
///
/// Each metric is registered once, at the start; registering the same one again returns it. A [`Family`] and what
/// [`Family::with`] returns are handles to keep: looking them up takes a lock, using a counter is one atomic add.
#[derive(Clone)]
pub struct Metrics(Arc<Registry>);

struct Registry {
    env: Env,
    config: MetricsConfig,
    by_name: Mutex<BTreeMap<String, Registered>>,
    /// Label sets that had no room, by metric.
    others: Family<Counter, 1>,
}

struct Registered {
    help: String,
    kind: Kind,
    labels: Vec<String>,
    /// Upper bounds of a histogram.
    bounds: Vec<f64>,
    series: Arc<dyn AnySeries>,
}

/// The series of a metric, whatever its kind.
trait AnySeries: Any + Send + Sync {
    fn text(&self, out: &mut String, name: &str, labels: &[String]);

    fn values(&self) -> Vec<(Vec<String>, Value)>;
}

impl<M: Written + Valued + Send + Sync + 'static> AnySeries for Series<M> {
    fn text(&self, out: &mut String, name: &str, labels: &[String]) {
        self.each(|values, metric| metric.write(out, name, labels, values));
    }

    fn values(&self) -> Vec<(Vec<String>, Value)> {
        let mut all = Vec::new();
        self.each(|labels, metric| all.push((labels.to_vec(), metric.value())));
        all
    }
}

/// Why a metric was not registered: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metric `{name}`: {why}")]
pub struct MetricError {
    name: String,
    why: String,
}

impl From<MetricError> for StartError {
    fn from(error: MetricError) -> Self {
        Self::program(error.to_string()).with_source(error)
    }
}

/// What a metric is registered under.
struct Spec<'a> {
    name: &'a str,
    help: &'a str,
    kind: Kind,
    labels: &'a [&'a str],
    bounds: &'a [f64],
}

const OTHERS: &str = "guildhall_metrics_other_total";

impl Metrics {
    /// The metrics of an app that starts.
    pub fn new(env: Env, config: MetricsConfig) -> Self {
        let help = "Lookups of label sets that had no room, and got the series `other`";
        let series = Arc::new(Series::new(&config, Counter::default(), Counter::default));
        let registered = Registered {
            help: help.to_owned(),
            kind: Kind::Counter,
            labels: vec!["metric".to_owned()],
            bounds: Vec::new(),
            series: Arc::clone(&series) as Arc<dyn AnySeries>,
        };
        let by_name = Mutex::new([(OTHERS.to_owned(), registered)].into());
        Self(Arc::new(Registry { env, config, by_name, others: Family(series) }))
    }

    /// Registers a counter, a number that only grows. By convention its name ends in `_total`.
    ///
    /// # Errors
    /// The name or a label is invalid; the name is registered with another kind or other labels; the app has `metrics.names_max`
    /// metrics.
    pub fn counter<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str; N],
    ) -> Result<Family<Counter, N>, MetricError> {
        let spec = Spec { name, help, kind: Kind::Counter, labels, bounds: &[] };
        self.register(&spec, Counter::default)
    }

    /// Registers a gauge, a whole number that goes up and down.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn gauge<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str; N],
    ) -> Result<Family<Gauge, N>, MetricError> {
        let spec = Spec { name, help, kind: Kind::Gauge, labels, bounds: &[] };
        self.register(&spec, Gauge::default)
    }

    /// How many of the values that were observed are at most each of `bounds`, ascending: [`SECONDS`] fits calls.
    ///
    /// # Errors
    /// As [`Metrics::counter`]; and `bounds` do not ascend, or differ from those that it was registered with.
    pub fn histogram<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str; N],
        bounds: &[f64],
    ) -> Result<Family<Histogram, N>, MetricError> {
        let spec = Spec { name, help, kind: Kind::Histogram, labels, bounds };
        let shared: Arc<[f64]> = bounds.into();
        self.register(&spec, move || Histogram::new(&shared))
    }

    /// Count, sum, and the quantiles 0.5, 0.9 and 0.99 of what was lately observed: of the last `metrics.summary_samples` values,
    /// those of the last `metrics.summary_window_ms`. Observing takes a lock; in a hot place use a histogram.
    ///
    /// # Errors
    /// As [`Metrics::counter`].
    pub fn summary<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str; N],
    ) -> Result<Family<Summary, N>, MetricError> {
        let spec = Spec { name, help, kind: Kind::Summary, labels, bounds: &[] };
        let (env, config) = (self.0.env.clone(), self.0.config.clone());
        self.register(&spec, move || Summary::new(&env, &config))
    }

    /// All metrics in Prometheus' text format, version 0.0.4, by name.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (name, metric) in &*self.0.by_name.lock() {
            text::head(&mut out, name, &metric.help, metric.kind);
            metric.series.text(&mut out, name, &metric.labels);
        }
        out
    }

    /// The values of all metrics, by name.
    pub fn read(&self) -> Vec<Snapshot> {
        let by_name = self.0.by_name.lock();
        let read = |(name, metric): (&String, &Registered)| Snapshot {
            name: name.clone(),
            help: metric.help.clone(),
            labels: metric.labels.clone(),
            series: metric.series.values(),
        };
        by_name.iter().map(read).collect()
    }

    fn register<M: Written + Valued + Clone + Send + Sync + 'static, const N: usize>(
        &self,
        spec: &Spec<'_>,
        make: impl Fn() -> M + Send + Sync + 'static,
    ) -> Result<Family<M, N>, MetricError> {
        let error = |why| MetricError { name: spec.name.to_owned(), why };
        names::check(spec).map_err(error)?;
        let mut by_name = self.0.by_name.lock();
        if !by_name.contains_key(spec.name) {
            names::check_free(spec, by_name.iter().map(|(name, m)| (&**name, m.kind)))
                .map_err(error)?;
            let max = self.0.config.names_max;
            if by_name.len() >= max {
                return Err(error(format!("there are {max} metrics (metrics.names_max)")));
            }
        }
        let present = match by_name.entry(spec.name.to_owned()) {
            Entry::Occupied(present) => present.into_mut(),
            Entry::Vacant(place) => {
                let others = match N {
                    0 => Counter::default(),
                    _ => self.0.others.with(&[spec.name]),
                };
                let series = Series::new(&self.0.config, others, make);
                place.insert(Registered {
                    help: spec.help.to_owned(),
                    kind: spec.kind,
                    labels: spec.labels.iter().map(ToString::to_string).collect(),
                    bounds: spec.bounds.to_vec(),
                    series: Arc::new(series),
                })
            }
        };
        present.same(spec).map_err(error)?;
        let series: Arc<dyn Any + Send + Sync> = Arc::clone(&present.series) as _;
        let series = series.downcast().map_err(|_| error("is of another kind".to_owned()))?;
        Ok(Family(series))
    }
}

impl Registered {
    /// Whether this is what `spec` asks for.
    fn same(&self, spec: &Spec<'_>) -> Result<(), String> {
        if self.kind != spec.kind {
            return Err(format!(
                "it is registered as a {}, not as a {}; take another name",
                self.kind.name(),
                spec.kind.name()
            ));
        }
        if self.labels != spec.labels {
            let (there, here) = (self.labels.join(", "), spec.labels.join(", "));
            return Err(format!(
                "it is registered with the labels ({there}), not ({here}); take another name"
            ));
        }
        if self.bounds != spec.bounds {
            let (there, here) = (&self.bounds, spec.bounds);
            return Err(format!(
                "it is registered with the bounds {there:?}, not {here:?}; take another name"
            ));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("names", &self.0.by_name.lock().len()).finish()
    }
}
