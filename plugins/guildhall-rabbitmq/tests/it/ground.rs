//! Backends on the server that tests share, or on their own.

use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_core::Env;
use guildhall_rabbitmq::{RabbitBroker, RabbitQueue, Settings};
use servers::{RABBITMQ, shared};

/// What a URL opens.
pub(crate) fn open(url: &str) -> (RabbitBroker, RabbitQueue) {
    let (broker, queue, _) = guildhall_rabbitmq::open(&Env::real(), Settings::parse(url).unwrap());
    (broker, queue)
}

/// The URL of a place that no other test has, on the shared server. Its bounds are small, and its deadline is that of a busy machine.
pub(crate) fn place() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "{}?prefix=p{n}&max_items=100&ack_wait_ms=2000&deadline_ms=20000",
        shared(&RABBITMQ).url()
    )
}

pub(crate) fn is_there(test: &str) -> bool {
    servers::is_there(&RABBITMQ, test)
}
