//! Queues whose leader is not there: because they are made at this moment, or because it stopped.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use guildhall_core::queue::{Queue as _, QueueErrorKind};
use servers::{RABBITMQ, shared};

use crate::ground::{control, is_there, open, place, pop, push};

const APPS: usize = 4;
const QUEUES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[tokio::test(flavor = "multi_thread")]
async fn queues_that_apps_make_at_the_same_time_take_and_give_items() {
    if !is_there("leaders::queues_that_apps_make_at_the_same_time_take_and_give_items") {
        return;
    }
    let place = place();
    let apps: Vec<_> = (0..APPS).map(|_| open(&place).1).collect();
    let each = || apps.iter().enumerate().flat_map(|app| QUEUES.map(move |name| (app, name)));
    let pushed = each().map(|((n, queue), name)| queue.push(name, Bytes::from(n.to_string())));
    let looked = each().map(|((_, queue), name)| queue.pop(name, Duration::ZERO));
    let (pushed, looked) = tokio::join!(join_all(pushed), try_join_all(looked));
    for pushed in pushed {
        pushed.expect("a queue that has no leader yet is tried again");
    }
    looked.expect("a queue that has no leader yet is tried again");
    // What was popped above comes again.
    for name in QUEUES {
        let mut missing: BTreeSet<String> = (0..APPS).map(|n| n.to_string()).collect();
        while !missing.is_empty() {
            let popped = apps[0].pop(name, Duration::from_secs(30)).await.unwrap();
            let popped = popped.unwrap_or_else(|| panic!("{missing:?} did not come in `{name}`"));
            missing.remove(std::str::from_utf8(&popped.body).unwrap());
            apps[0].ack(name, &popped.receipt).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_without_a_leader_is_unavailable_until_it_has_one_and_holds_up_no_other() {
    let name =
        "leaders::a_queue_without_a_leader_is_unavailable_until_it_has_one_and_holds_up_no_other";
    if !is_there(name) {
        return;
    }
    let server = shared(&RABBITMQ);
    let leader = |what: &str| {
        let id = r#"{list_to_atom("%2F_leaderless.queue.mail"), node()}"#;
        control(server, &["eval", &format!("ok = ra:{what}(quorum_queues, {id}).")]);
    };
    // Each request has the time of a busy machine, and those that must fail not much more than they need.
    let open = |deadline| open(&format!("{}?prefix=leaderless&{deadline}", server.url())).1;
    let (patient, queue) = (open("deadline_ms=20000"), open("deadline_ms=6000"));
    push(&patient, "before").await.unwrap();
    patient.push("other", Bytes::new()).await.unwrap();

    leader("stop_server");
    let error = push(&queue, "refused").await.unwrap_err();
    assert_eq!(error.kind, QueueErrorKind::Unavailable, "{error}");
    let (other, refused) =
        tokio::join!(patient.push("other", Bytes::new()), push(&queue, "refused"));
    other.expect("another queue goes on");
    refused.unwrap_err();
    let error = queue.pop("mail", Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind, QueueErrorKind::Unavailable, "{error}");

    leader("restart_server");
    push(&patient, "after").await.unwrap();
    assert_eq!(pop(&patient).await, "before");
    assert_eq!(pop(&patient).await, "after", "what was refused was not pushed");
}
