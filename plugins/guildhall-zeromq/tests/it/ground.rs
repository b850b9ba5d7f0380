//! Apps on spare ports of loopback.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::broker::{Broker, Delivery, Subscription};
use guildhall_core::queue::Queue;
use guildhall_testkit::process::free_ports;
use guildhall_zeromq::{Settings, ZeroMqBroker, ZeroMqQueue};

/// Longest wait for something to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A port that is free, as the one after it is.
pub(crate) fn port() -> u32 {
    free_ports(2).start
}

pub(crate) async fn open(port: u32, options: &str) -> (ZeroMqBroker, ZeroMqQueue) {
    let settings = Settings::parse(&format!("zeromq://127.0.0.1:{port}?{options}")).unwrap();
    guildhall_zeromq::open(&Env::real(), &settings).await.unwrap()
}

/// Publishes until a message comes: a connection takes a moment.
pub(crate) async fn reaches(from: &dyn Broker, to: &mut Subscription, topic: &str) {
    let env = Env::real();
    let end = env.now() + PATIENCE;
    loop {
        assert!(env.now() < end, "nothing comes");
        from.publish(topic, Bytes::from_static(b"again")).await.unwrap();
        let soon = env.now() + Duration::from_millis(200);
        if env.until(soon, to.next()).await.flatten().is_some() {
            // The rest of them.
            let quiet = || env.now() + Duration::from_millis(500);
            while env.until(quiet(), to.next()).await.is_some() {}
            return;
        }
    }
}

pub(crate) async fn comes(to: &mut Subscription, text: &'static str) {
    let env = Env::real();
    let next = env.until(env.now() + PATIENCE, to.next()).await;
    let text = Bytes::from_static(text.as_bytes());
    assert_eq!(next, Some(Some(Delivery::Message(text))));
}

pub(crate) async fn push(queue: &dyn Queue, text: &str) {
    queue.push("mail", Bytes::copy_from_slice(text.as_bytes())).await.unwrap();
}

pub(crate) async fn pop(queue: &dyn Queue) -> Bytes {
    queue.pop("mail", PATIENCE).await.unwrap().expect("an item").body
}
