//! The shared server of these tests, and places on it that no other test has.

use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_core::Env;
use guildhall_nats::{Seams, Settings};
use servers::{NATS, Recipe};

/// A deadline that no busy machine misses.
const PATIENT: &str = "&deadline_ms=30000";

/// Whether the test with this name can run.
pub(crate) fn is_there(test: &str) -> bool {
    servers::is_there(&NATS, test)
}

/// The prefix of a place that no other test has.
pub(crate) fn fresh() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("g{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The seams of a place on the shared server, once it is reached.
pub(crate) async fn seams(prefix: &str, options: &str) -> Seams {
    seams_on(&NATS, prefix, options).await
}

/// The same on the shared server of a version.
pub(crate) async fn seams_on(version: &'static Recipe, prefix: &str, options: &str) -> Seams {
    let address = servers::shared(version).address();
    let seams = at(&address, prefix, &format!("{PATIENT}{options}")).await;
    seams.connected().await.unwrap();
    seams
}

/// The seams of a place on the server at that address.
pub(crate) async fn at(address: &str, prefix: &str, options: &str) -> Seams {
    let url = format!("{}?prefix={prefix}{options}", (NATS.url)(address));
    guildhall_nats::open(&Env::real(), "test", Settings::parse(&url).unwrap()).await.unwrap()
}
