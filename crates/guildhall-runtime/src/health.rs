//! What is wrong with an app: backends that do not answer, and what the game checks itself; for `/readyz` and metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use guildhall_core::metrics::{Family, Gauge, MetricError, Metrics};
use parking_lot::Mutex;

use crate::cx::Cx;

/// What a game checks of itself: `App::health`.
pub(crate) struct HealthCheck {
    pub(crate) name: String,
    pub(crate) check: Box<Check>,
}

type Check = dyn Fn(&Cx) -> Result<(), String> + Send + Sync;

/// How the parts of an app are. A part that is not well makes the app not ready; it never ends it.
pub(crate) struct Health {
    up: Family<Gauge, 1>,
    /// Why a part is not well, by its name. There are as many as the program names.
    parts: Mutex<BTreeMap<String, Option<String>>>,
    checks: Vec<HealthCheck>,
    started: AtomicBool,
}

impl Health {
    pub(crate) fn new(metrics: &Metrics, checks: Vec<HealthCheck>) -> Result<Self, MetricError> {
        let help = "Whether a part of the app is well: 1, or 0";
        let up = metrics.gauge("guildhall_part_up", help, &["part"])?;
        Ok(Self { up, parts: Mutex::default(), checks, started: AtomicBool::new(false) })
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

    /// Why the app is not ready; empty when it is.
    pub(crate) fn problems(&self, cx: &Cx) -> Vec<String> {
        let mut problems = Vec::new();
        if cx.app.draining.is_cancelled() {
            problems.push("draining".to_owned());
        } else if !self.started.load(Ordering::Relaxed) {
            // What the checks look at is not there yet.
            return vec!["starting".to_owned()];
        }
        for HealthCheck { name, check } in &self.checks {
            self.set(name, check(cx));
        }
        let parts = self.parts.lock();
        let wrong =
            |(part, why): (&String, &Option<String>)| Some(format!("{part}: {}", why.as_ref()?));
        problems.extend(parts.iter().filter_map(wrong));
        problems
    }
}
