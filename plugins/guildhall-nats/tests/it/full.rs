//! A server whose disk is full.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::discovery::Discovery as _;
use guildhall_core::leases::{LeaseErrorKind, Leases as _, Opened};
use guildhall_core::queue::{Queue as _, QueueErrorKind};
use guildhall_testkit::SmallDisk;
use servers::{NATS, Server};

use crate::ground::{TTL, grant, holder, node, registered, until_it_works};
use crate::server::{at, is_there};

/// So long an answer may take: well over the deadline of the settings.
const WITHIN: Duration = Duration::from_secs(10);

const QUEUE: &str = "jobs";

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_nothing_that_was_acknowledged_and_is_over_when_there_is_room() {
    const NAME: &str =
        "full::a_full_disk_costs_nothing_that_was_acknowledged_and_is_over_when_there_is_room";
    if !is_there(NAME) {
        return;
    }
    let Some(disk) = SmallDisk::of(NAME, 96) else { return };
    let mut server = Server::within(&NATS, disk.path());
    server.start();
    let seams = at(&server.address(), "g", "&deadline_ms=2000&queue_bytes=33554432").await;
    seams.connected().await.unwrap();
    let Opened::New(session) = seams.leases.open(&holder(1), None, TTL).await.unwrap() else {
        panic!("nobody has opened it")
    };
    let epoch = grant(&seams.leases, &holder(1), "role/1").await;
    seams.discovery.register(&node(1, 0), TTL).await.unwrap();
    let env = guildhall_core::Env::real();
    let mut kept = vec![Bytes::from("first")];
    seams.queue.push(QUEUE, kept[0].clone()).await.unwrap();
    let filler = disk.fill();

    let full = loop {
        let item = Bytes::from(format!("{:060000}", kept.len()));
        let begun = env.now();
        match seams.queue.push(QUEUE, item.clone()).await {
            Ok(()) => kept.push(item),
            Err(error) => {
                assert!(env.now() - begun < WITHIN, "{error}");
                break error;
            }
        }
        assert!(kept.len() < 1_000, "the disk is full, and everything fits");
    };
    assert!(
        matches!(
            full.kind,
            QueueErrorKind::Unavailable | QueueErrorKind::Unknown | QueueErrorKind::Full
        ),
        "after {} items: {full}",
        kept.len()
    );
    // Nobody is told that his session lives who has none.
    let renewed = seams.leases.keep_alive(&holder(1), session).await;
    let may = |kind| kind == LeaseErrorKind::Unavailable;
    assert!(renewed.as_ref().map_or_else(|error| may(error.kind), |_| true), "{renewed:?}");

    drop(filler);
    // It has switched JetStream off.
    server.stop();
    server.start();
    until_it_works(async || seams.queue.push(QUEUE, "last".into()).await).await;
    until_it_works(async || seams.leases.keep_alive(&holder(1), session).await).await;
    assert!(grant(&seams.leases, &holder(1), "role/1").await >= epoch);
    until_it_works(async || seams.discovery.register(&node(1, 1), TTL).await).await;
    assert_eq!(registered(&seams.discovery).await, [node(1, 1)]);
    let mut popped = Vec::new();
    while popped.last().is_none_or(|item: &Bytes| item != "last") {
        let item = seams.queue.pop(QUEUE, WITHIN).await.unwrap().expect("`last` was pushed");
        seams.queue.ack(QUEUE, &item.receipt).await.unwrap();
        popped.push(item.body);
    }
    assert!(popped.len() <= kept.len() + 2, "{} were popped of {}", popped.len(), kept.len());
    popped.truncate(kept.len());
    assert_eq!(popped.len(), kept.len());
    assert!(popped == kept, "all that was acknowledged, in its order");
}
