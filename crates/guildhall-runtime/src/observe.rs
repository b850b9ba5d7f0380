//! What can be seen of an app: its log, its traces, what it counts, and which of its parts are unhealthy.

pub(crate) mod counters;
pub(crate) mod health;
pub(crate) mod outage;
pub mod trace;
pub(crate) mod log;
pub(crate) mod store_metrics;
