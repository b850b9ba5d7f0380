//! Several apps.

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::broker::Broker as _;
use guildhall_core::queue::{Queue as _, QueueErrorKind};
use std::time::Duration;

use crate::ground::{PATIENCE, comes, open, pop, port, push, reaches};

#[tokio::test(flavor = "multi_thread")]
async fn apps_receive_each_others_topics_in_order_whichever_starts_first_and_their_own_once() {
    let (a, b) = (port(), port());
    let peers = format!("peers=127.0.0.1:{a},127.0.0.1:{b}");
    let (first, _queue) = open(a, &peers).await;
    let mut at_first = first.subscribe("room.1", 4096).await.unwrap();
    let (second, _queue) = open(b, &peers).await;
    let mut at_second = second.subscribe("room.1", 4096).await.unwrap();
    reaches(&second, &mut at_first, "room.1").await;
    reaches(&first, &mut at_second, "room.1").await;
    while Env::real()
        .until(Env::real().now() + Duration::from_millis(500), at_first.next())
        .await
        .is_some()
    {}
    for text in ["1", "2", "3"] {
        first.publish("room.1", Bytes::from_static(text.as_bytes())).await.unwrap();
    }
    first.publish("room", Bytes::from_static(b"another topic")).await.unwrap();
    for to in [&mut at_first, &mut at_second] {
        for text in ["1", "2", "3"] {
            comes(to, text).await;
        }
        let more =
            Env::real().until(Env::real().now() + Duration::from_millis(200), to.next()).await;
        assert_eq!(more, None, "each message comes once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topics_of_an_app_that_restarts_come_again() {
    let (a, b) = (port(), port());
    let (hears, _queue) = open(a, &format!("peers=127.0.0.1:{b}")).await;
    let mut heard = hears.subscribe("room.1", 4096).await.unwrap();
    for _ in 0..3 {
        let (says, _queue) = open(b, "").await;
        reaches(&says, &mut heard, "room.1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_wait_for_an_app_that_has_not_started_and_each_goes_to_one_app() {
    let (game, one, two) = (port(), port(), port());
    let to = format!("queues=127.0.0.1:{}", game + 1);
    let ((_, first), (_, second)) = (open(one, &to).await, open(two, &to).await);
    for n in 0..5 {
        push(&first, &format!("a{n}")).await;
    }
    let (_, queue) = open(game, "").await;
    for n in 0..5 {
        assert_eq!(pop(&queue).await, format!("a{n}"), "in the order of their pushes");
    }
    push(&second, "b").await;
    assert_eq!(pop(&queue).await, "b");
    assert_eq!(queue.pop("mail", Duration::ZERO).await, Ok(None), "a popped item is gone");
    let refused = first.pop("mail", Duration::ZERO).await.unwrap_err();
    assert_eq!(refused.kind, QueueErrorKind::Unavailable, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_app_that_is_away_is_bounded_in_number_and_in_bytes() {
    let away = format!("queues=127.0.0.1:{}", port());
    let (_, few) = open(port(), &format!("{away}&items=3")).await;
    let mut pushed = 0;
    let error = loop {
        match few.push("mail", Bytes::from_static(b"1")).await {
            Ok(()) => pushed += 1,
            Err(error) => break error,
        }
        assert!(pushed < 10, "{pushed} items wait");
    };
    assert_eq!(error.kind, QueueErrorKind::Full, "{error}");
    let (_, small) = open(port(), &format!("{away}&bytes=2097152")).await;
    let large = Bytes::from(vec![7; 1 << 20]);
    small.push("mail", large.clone()).await.unwrap();
    assert_eq!(small.push("mail", large).await.unwrap_err().kind, QueueErrorKind::Full);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_with_queues_that_restarts_gets_what_is_pushed_then() {
    let (game, env) = (port(), Env::real());
    let (_, pushes) = open(port(), &format!("queues=127.0.0.1:{}", game + 1)).await;
    for round in 0..3 {
        let (_, queue) = open(game, "").await;
        let end = env.now() + PATIENCE;
        // The first ones may go to the app that has ended: at most once.
        loop {
            push(&pushes, &format!("round {round}")).await;
            match queue.pop("mail", Duration::from_millis(300)).await.unwrap() {
                Some(item) if item.body == format!("round {round}") => break,
                _ => assert!(env.now() < end, "nothing comes to the app that is back"),
            }
        }
    }
}
