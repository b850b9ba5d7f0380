//! Backends on the server that tests share, or on their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::queue::{Queue, QueueError};
use guildhall_rabbitmq::{RabbitBroker, RabbitQueue, Settings};
use servers::{RABBITMQ, Server, shared};

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
        "{}?prefix=p{n}&max_items=100&ack_wait_ms=4000&deadline_ms=20000",
        shared(&RABBITMQ).url()
    )
}

pub(crate) fn is_there(test: &str) -> bool {
    servers::is_there(&RABBITMQ, test)
}

pub(crate) async fn push(queue: &dyn Queue, text: &'static str) -> Result<(), QueueError> {
    queue.push("mail", Bytes::from_static(text.as_bytes())).await
}

/// Pops an item and acknowledges it.
pub(crate) async fn pop(queue: &dyn Queue) -> Bytes {
    let popped = queue.pop("mail", Duration::from_secs(60)).await.unwrap().expect("an item");
    queue.ack("mail", &popped.receipt).await.unwrap();
    popped.body
}

/// What an operator may do to a server.
pub(crate) fn control(server: &Server, arguments: &[&str]) {
    let port: u32 = server.address().rsplit_once(':').unwrap().1.parse().unwrap();
    let mut control = std::process::Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl");
    control.arg("-n").arg(format!("game{port}@localhost")).args(arguments);
    control.env("HOME", server.folder()).env("ERL_EPMD_PORT", (port + 2).to_string());
    let done = control.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
