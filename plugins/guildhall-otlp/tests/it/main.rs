//! Traces and metrics of real apps, at a collector in this process.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

mod collector;
mod apps;
mod metrics;
mod traces;
mod away;
mod tls;
