//! Observability: logs, traces, metrics and health of an app.

pub(crate) mod counters;
pub(crate) mod seams;
pub(crate) mod health;
pub(crate) mod outage;
pub mod trace;
pub(crate) mod log;
pub(crate) mod store_metrics;
