//! [`Health`]: the unhealthy components of an app, such as a backend that does not answer, for `/readyz` and metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::metrics::{Family, Gauge, MetricError, Metrics};
use parking_lot::Mutex;

/// How long a check of the game's may fail from the first look on until that is a warning: apps that start together wait for each other.
const START: Duration = Duration::from_secs(10);

/// How the parts of an app are. A part that is not well makes the app not ready; it never ends it.
pub(crate) struct Health {
    up: Family<Gauge, 1>,
    /// By name. There are as many as the program names.
    parts: Mutex<BTreeMap<String, Part>>,
    started: AtomicBool,
}

#[derive(Default)]
struct Part {
    state: State,
    /// Why it is not well.
    why: Option<String>,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    New,
    /// It was not well so far, since the first look.
    Waits(Instant),
    Well,
    Unwell,
}

impl Health {
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let help = "Whether a part of the app is well: 1, or 0";
        let up = metrics.gauge("guildhall_part_up", help, &["part"])?;
        Ok(Self { up, parts: Mutex::default(), started: AtomicBool::new(false) })
    }

    /// Says how a part is.
    pub(crate) fn set(&self, part: &str, is: Result<(), String>) {
        self.put(part, is, None);
    }

    /// Says what a check of the game's has found that is asked `now` and again and again: at first it may wait for other apps.
    pub(crate) fn found(&self, part: &str, is: Result<(), String>, now: Instant) {
        self.put(part, is, Some(now));
    }

    /// What has changed is said in the log, and what has not, not again. What is `looked` at again and again may wait for others at first.
    fn put(&self, part: &str, is: Result<(), String>, looked: Option<Instant>) {
        self.up.with(&[part]).set(is.is_ok().into());
        let mut parts = self.parts.lock();
        let known = parts.entry(part.to_owned()).or_default();
        let waits = match (known.state, looked) {
            (State::New, since) => since,
            (State::Waits(since), Some(now)) if now < since + START => Some(since),
            _ => None,
        };
        known.state = match (&is, known.state, waits) {
            (Ok(()), State::New | State::Well, _) => State::Well,
            (Ok(()), State::Waits(_) | State::Unwell, _) => {
                tracing::info!(part, "component healthy again");
                State::Well
            }
            (Err(_), State::Unwell, _) => State::Unwell,
            (Err(why), before, Some(since)) => {
                if matches!(before, State::New) {
                    tracing::info!(part, why, "component not ready yet");
                }
                State::Waits(since)
            }
            (Err(why), _, None) => {
                tracing::warn!(part, why, "component unhealthy");
                State::Unwell
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

    /// The parts that are not well, each with the reason.
    pub(crate) fn unhealthy(&self) -> Vec<String> {
        let parts = self.parts.lock();
        let wrong = |(part, is): (&String, &Part)| Some(format!("{part}: {}", is.why.as_ref()?));
        parts.iter().filter_map(wrong).collect()
    }
}
