//! Faults of a queue's server.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::queue::{Popped, Queue, QueueError, QueueErrorKind};

use super::ground::{RECOVERS, SLOW, STILL, Still, Vendor, answer, until_it_works};

const QUEUE: &str = "mail";

async fn push(queue: &dyn Queue, text: &str) {
    until_it_works(async || pushed(queue, text).await).await;
}

/// A push, whose error says what happened.
async fn pushed(queue: &dyn Queue, text: &str) -> Result<(), QueueError> {
    let done = queue.push(QUEUE, Bytes::copy_from_slice(text.as_bytes())).await;
    if let Err(error) = &done {
        assert_ne!(error.kind, QueueErrorKind::Full, "{error}");
    }
    done
}

/// Takes items, and acknowledges them, until these have come. Where the answer to a push was lost, an item may have come twice.
async fn come(queue: &dyn Queue, wanted: &[&str]) {
    let env = Env::real();
    let end = env.now() + RECOVERS;
    let mut missing: BTreeSet<Bytes> =
        wanted.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
    while !missing.is_empty() {
        assert!(env.now() < end, "{missing:?} did not come");
        let popped = answer(queue.pop(QUEUE, Duration::from_millis(500))).await;
        let Ok(Some(Popped { body, receipt, .. })) = popped else { continue };
        let _comes_again = answer(queue.ack(QUEUE, &receipt)).await;
        missing.remove(&body);
    }
}

/// It is not there at the start, killed and started again, and stands still for ten seconds.
pub async fn a_queue_outlives_its_server(vendor: Vendor) {
    let (mut server, place, env) = (vendor.server(), vendor.place(), Env::real());
    let queue = place.open(&server.address()).await.queue.unwrap();
    let error = answer(pushed(&*queue, "nobody")).await.unwrap_err();
    assert_eq!(error.kind, QueueErrorKind::Unavailable, "{error}");

    server.start();
    push(&*queue, "one").await;
    come(&*queue, &["one"]).await;
    push(&*queue, "two").await;

    server.kill();
    answer(pushed(&*queue, "nobody")).await.expect_err("nobody is there");
    server.start();
    push(&*queue, "three").await;
    let is_durable = queue.capabilities().durable;
    come(&*queue, if is_durable { &["two", "three"] } else { &["three"] }).await;

    let still = Still::stand(&server);
    let end = env.now() + STILL;
    while env.now() < end {
        answer(pushed(&*queue, "still")).await.expect_err("a server that stands still answered");
    }
    drop(still);
    push(&*queue, "four").await;
    come(&*queue, &["four"]).await;
}

/// Each answer in turn ends in its middle; no acknowledged item is lost.
pub async fn a_queue_survives_cut_answers(vendor: Vendor) {
    let (proxy, place) = (vendor.proxy(), vendor.place());
    let queue = place.open(&proxy.address()).await.queue.unwrap();
    push(&*queue, "first").await;
    come(&*queue, &["first"]).await;
    for round in 0..8 {
        let text = format!("round {round}");
        proxy.cut_next_answer(round % 4);
        push(&*queue, &text).await;
        // A popped item whose answer was lost comes again only where there are acknowledgements.
        if queue.capabilities().ack_wait.is_some() {
            proxy.cut_next_answer(round % 4);
        }
        come(&*queue, &[&text]).await;
    }
}

/// 200 ms each way.
pub async fn a_queue_works_slowly(vendor: Vendor) {
    let (proxy, place) = (vendor.proxy(), vendor.place());
    let queue = place.open(&proxy.address()).await.queue.unwrap();
    push(&*queue, "first").await;
    proxy.set_delay(SLOW);
    answer(pushed(&*queue, "second")).await.unwrap();
    come(&*queue, &["first", "second"]).await;
}
