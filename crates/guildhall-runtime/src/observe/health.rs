//! [`Health`]: the unhealthy components of an app, such as a backend that does not answer, for `/readyz` and metrics.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::backend::ServerHealth;
use guildhall_core::env::Instant;
use guildhall_core::metrics::{Family, Gauge, MetricError, Metrics};
use parking_lot::Mutex;

use crate::observe::seams::Seams;

/// Time from the first run of a game's check for which a failure is not a warning yet: apps that start together wait for each other.
const START: Duration = Duration::from_secs(10);

/// The health of the components of an app. An unhealthy component makes the app not ready; it never ends the app.
pub(crate) struct Health {
    up: Family<Gauge, 1>,
    /// By name. There are as many as the program names.
    components: Mutex<BTreeMap<String, Component>>,
    started: AtomicBool,
    seams: OnceLock<Seams>,
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
    /// Whether the log says so: not where the outage of a server explains it, which has a line of its own.
    Unhealthy {
        said: bool,
    },
}

impl Health {
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let help = "Whether a component of the app is healthy: 1, or 0";
        let up = metrics.gauge("guildhall_component_up", help, &["component"])?;
        Ok(Self {
            up,
            components: Mutex::default(),
            started: AtomicBool::new(false),
            seams: OnceLock::new(),
        })
    }

    /// Sets what serves the seams of the app, once they are known.
    pub(crate) fn set_seams(&self, seams: Seams) {
        let _set_once = self.seams.set(seams);
    }

    /// What serves the seams of the app.
    pub(crate) fn seams(&self) -> Option<&Seams> {
        self.seams.get()
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
        let seam = component.split('.').next().unwrap_or_default();
        let explained = self.seams().is_some_and(|seams| seams.is_out(seam));
        let mut components = self.components.lock();
        let known = components.entry(component.to_owned()).or_default();
        let waits = match (known.phase, checked) {
            (Phase::New, since) => since,
            (Phase::Waits(since), Some(now)) if now < since + START => Some(since),
            _ => None,
        };
        known.phase = match (&is, known.phase, waits) {
            (Ok(()), Phase::New | Phase::Healthy | Phase::Unhealthy { said: false }, _) => {
                Phase::Healthy
            }
            (Ok(()), Phase::Waits(_) | Phase::Unhealthy { said: true }, _) => {
                tracing::info!(component, "component healthy again");
                Phase::Healthy
            }
            (Err(_), Phase::Unhealthy { said: true }, _) => Phase::Unhealthy { said: true },
            (Err(why), before, Some(since)) => {
                if matches!(before, Phase::New) {
                    tracing::info!(component, why, "component not ready yet");
                }
                Phase::Waits(since)
            }
            (Err(why), _, None) if explained => {
                tracing::debug!(component, why, "component unhealthy");
                Phase::Unhealthy { said: false }
            }
            (Err(why), _, None) => {
                tracing::warn!(component, why, "component unhealthy");
                Phase::Unhealthy { said: true }
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

    /// The unhealthy components and the servers that do not answer, each with the reason.
    pub(crate) fn unhealthy(&self) -> Vec<String> {
        let components = self.components.lock();
        let wrong =
            |(name, is): (&String, &Component)| Some(format!("{name}: {}", is.why.as_ref()?));
        let mut all: Vec<String> = components.iter().filter_map(wrong).collect();
        drop(components);
        all.extend(self.outages());
        all
    }

    /// The servers of backends that do not answer. All of them are in the gauges.
    fn outages(&self) -> Vec<String> {
        let mut up = BTreeMap::new();
        let mut outages = Vec::new();
        for (outage, seams) in self.seams().map(Seams::servers).unwrap_or_default() {
            let ServerHealth { vendor, server, outage, .. } = outage.health();
            *up.entry(vendor).or_insert(true) &= outage.is_none();
            let Some((lasts, why)) = outage else { continue };
            let view = match seams.contains(&"discovery") {
                true => "; discovery serves its last good view",
                false => "",
            };
            let (seams, lasts) = (seams.join(", "), lasts.as_secs());
            outages.push(format!(
                "backend {vendor} {server} ({seams}): unreachable for {lasts} s: {why}{view}"
            ));
        }
        for (vendor, up) in up {
            self.up.with(&[&format!("backend.{vendor}")]).set(up.into());
        }
        outages
    }
}
