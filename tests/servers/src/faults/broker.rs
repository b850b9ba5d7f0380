//! Faults of a broker's server.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::broker::{Broker, Delivery, Subscription};

use super::ground::{RECOVERS, SLOW, STILL, Still, Vendor, answer, until_it_works};

const TOPIC: &str = "room.1";

/// Publishes until one message arrives, and subscribes again whenever a subscription ends.
async fn delivers(broker: &dyn Broker, subscription: &mut Subscription) {
    let env = Env::real();
    let end = env.now() + RECOVERS;
    loop {
        assert!(env.now() < end, "nothing arrives");
        let _lost = answer(broker.publish(TOPIC, Bytes::from_static(b"hello"))).await;
        let soon = env.now() + Duration::from_millis(200);
        loop {
            match env.until(soon, subscription.next()).await {
                Some(Some(Delivery::Message(message))) => {
                    assert_eq!(message, "hello");
                    return;
                }
                Some(Some(Delivery::Lost(_))) => {}
                Some(None) => *subscription = subscribe(broker).await,
                None => break,
            }
        }
    }
}

async fn subscribe(broker: &dyn Broker) -> Subscription {
    until_it_works(async || broker.subscribe(TOPIC, 1024).await).await
}

/// It is not there at the start, killed and started again, and stands still for ten seconds.
pub async fn a_broker_outlives_its_server(vendor: Vendor) {
    let (mut server, place, env) = (vendor.server(), vendor.place(), Env::real());
    let broker = place.open(&server.address()).await.broker.unwrap();
    answer(broker.subscribe(TOPIC, 1)).await.expect_err("nobody is there");
    answer(broker.publish(TOPIC, Bytes::new())).await.expect_err("nobody is there");

    server.start();
    let mut subscription = subscribe(&*broker).await;
    delivers(&*broker, &mut subscription).await;

    server.kill();
    let end = env.now() + Duration::from_secs(2);
    while env.now() < end {
        let _lost = answer(broker.publish(TOPIC, Bytes::from_static(b"hello"))).await;
        env.sleep(Duration::from_millis(50)).await;
    }
    server.start();
    delivers(&*broker, &mut subscription).await;

    let still = Still::stand(&server);
    let end = env.now() + STILL;
    while env.now() < end {
        let _lost = answer(broker.publish(TOPIC, Bytes::from_static(b"hello"))).await;
        env.sleep(Duration::from_millis(50)).await;
    }
    drop(still);
    delivers(&*broker, &mut subscription).await;
}

/// Connections end again and again.
pub async fn a_broker_survives_cut_connections(vendor: Vendor) {
    let (proxy, place) = (vendor.proxy(), vendor.place());
    let broker = place.open(&proxy.address()).await.broker.unwrap();
    let mut subscription = subscribe(&*broker).await;
    for round in 0..8 {
        if round % 2 == 0 {
            proxy.cut();
        } else {
            proxy.cut_next_answer(round);
        }
        delivers(&*broker, &mut subscription).await;
    }
}

/// 200 ms each way.
pub async fn a_broker_works_slowly(vendor: Vendor) {
    let (proxy, place, env) = (vendor.proxy(), vendor.place(), Env::real());
    let broker = place.open(&proxy.address()).await.broker.unwrap();
    let mut subscription = subscribe(&*broker).await;
    proxy.set_delay(SLOW);
    for text in ["one", "two", "three"] {
        answer(broker.publish(TOPIC, Bytes::from_static(text.as_bytes()))).await.unwrap();
    }
    for text in ["one", "two", "three"] {
        let next = env.until(env.now() + RECOVERS, subscription.next()).await;
        assert_eq!(next, Some(Some(Delivery::Message(Bytes::from_static(text.as_bytes())))));
    }
}
