//! [`Health`]: which parts of an app are unhealthy, such as a backend that does not answer; for `/readyz` and metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use guildhall_core::metrics::{Family, Gauge, MetricError, Metrics};
use parking_lot::Mutex;

/// How the parts of an app are. A part that is not well makes the app not ready; it never ends it.
pub(crate) struct Health {
    up: Family<Gauge, 1>,
    /// Why a part is not well, by its name. There are as many as the program names.
    parts: Mutex<BTreeMap<String, Option<String>>>,
    started: AtomicBool,
}

impl Health {
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let help = "Whether a part of the app is well: 1, or 0";
        let up = metrics.gauge("guildhall_part_up", help, &["part"])?;
        Ok(Self { up, parts: Mutex::default(), started: AtomicBool::new(false) })
    }

    /// Says how a part is. What has changed is said in the log, and what has not, not again.
    pub(crate) fn set(&self, part: &str, is: Result<(), String>) {
        self.up.with(&[part]).set(is.is_ok().into());
        let mut parts = self.parts.lock();
        let before = parts.get(part).is_some_and(Option::is_some);
        match &is {
            Err(why) if !before => tracing::warn!(part, why, "a part is not well"),
            Ok(()) if before => tracing::info!(part, "a part is well again"),
            _ => {}
        }
        parts.insert(part.to_owned(), is.err());
    }

    /// The app has started.
    pub(crate) fn started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// Whether the app has started.
    pub(crate) fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    /// The parts that are not well, each with the reason.
    pub(crate) fn unhealthy(&self) -> Vec<String> {
        let parts = self.parts.lock();
        let wrong =
            |(part, why): (&String, &Option<String>)| Some(format!("{part}: {}", why.as_ref()?));
        parts.iter().filter_map(wrong).collect()
    }
}
