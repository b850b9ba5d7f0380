//! [`Health`]: the unhealthy components of an app, such as a backend that does not answer, for `/readyz` and metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::metrics::{Family, Gauge, MetricError, Metrics};
use parking_lot::Mutex;

/// Time from the first run of a game's check for which a failure is not a warning yet: apps that start together wait for each other.
const START: Duration = Duration::from_secs(10);

/// The health of the components of an app. An unhealthy component makes the app not ready; it never ends the app.
pub(crate) struct Health {
    up: Family<Gauge, 1>,
    /// By name. There are as many as the program names.
    components: Mutex<BTreeMap<String, Component>>,
    started: AtomicBool,
}

#[derive(Default)]
struct Component {
    phase: Phase,
    /// Why it is unhealthy.
    why: Option<String>,
}

#[derive(Clone, Copy, Default)]
enum Phase {
    #[default]
    New,
    /// Unhealthy since its first check, at this time.
    Waits(Instant),
    Healthy,
    Unhealthy,
}

impl Health {
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let help = "Whether a component of the app is healthy: 1, or 0";
        let up = metrics.gauge("guildhall_component_up", help, &["component"])?;
        Ok(Self { up, components: Mutex::default(), started: AtomicBool::new(false) })
    }

    /// Sets the health of a component.
    pub(crate) fn set(&self, component: &str, is: Result<(), String>) {
        self.put(component, is, None);
    }

    /// Sets the result of one of the game's checks, which runs again and again: at first its component may wait for other apps.
    pub(crate) fn checked(&self, component: &str, is: Result<(), String>, now: Instant) {
        self.put(component, is, Some(now));
    }

    /// Logs each change of a component's health once. A component with a time of its check, `checked`, may wait for others at first.
    fn put(&self, component: &str, is: Result<(), String>, checked: Option<Instant>) {
        self.up.with(&[component]).set(is.is_ok().into());
        let mut components = self.components.lock();
        let known = components.entry(component.to_owned()).or_default();
        let waits = match (known.phase, checked) {
            (Phase::New, since) => since,
            (Phase::Waits(since), Some(now)) if now < since + START => Some(since),
            _ => None,
        };
        known.phase = match (&is, known.phase, waits) {
            (Ok(()), Phase::New | Phase::Healthy, _) => Phase::Healthy,
            (Ok(()), Phase::Waits(_) | Phase::Unhealthy, _) => {
                tracing::info!(component, "component healthy again");
                Phase::Healthy
            }
            (Err(_), Phase::Unhealthy, _) => Phase::Unhealthy,
            (Err(why), before, Some(since)) => {
                if matches!(before, Phase::New) {
                    tracing::info!(component, why, "component not ready yet");
                }
                Phase::Waits(since)
            }
            (Err(why), _, None) => {
                tracing::warn!(component, why, "component unhealthy");
                Phase::Unhealthy
            }
        };
        known.why = is.err();
    }

    /// The app has started.
    pub(crate) fn started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// Whether the app has started.
    pub(crate) fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    /// The unhealthy components, each with the reason.
    pub(crate) fn unhealthy(&self) -> Vec<String> {
        let components = self.components.lock();
        let wrong =
            |(name, is): (&String, &Component)| Some(format!("{name}: {}", is.why.as_ref()?));
        components.iter().filter_map(wrong).collect()
    }
}
