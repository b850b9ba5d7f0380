//! The contract suite of the [`Queue`] seam: one function per rule, and a macro that makes a test of each.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use guildhall_core::Env;
use guildhall_core::queue::{Popped, Queue, QueueErrorKind};

/// Makes one test of each rule of the contract of `guildhall_core::queue::Queue`.
///
/// The argument is called once per test; it makes a fresh place for items and returns an async closure that opens it. Calling
/// that again after the backend was dropped opens the same items, as far as it keeps any. What follows the argument goes to
/// `tokio::test`, which the caller's crate must have; in-memory backends add `start_paused = true`. Backends with long waits
/// for acknowledgements or large bounds are opened with small ones.
#[macro_export]
macro_rules! queue_contract {
    (if $runs:expr, $make:expr $(, $($tokio:tt)*)?) => {
        $crate::contract_tests! { queue ($make, $runs) ($($($tokio)*)?)
            items_come_in_the_order_of_their_pushes
            a_pop_waits_for_a_push
            an_item_goes_to_one_popper
            an_item_that_is_not_acknowledged_comes_again
            an_item_of_a_lost_popper_comes_again
            an_acknowledged_item_is_gone
            a_late_acknowledgement_changes_nothing
            a_full_queue_refuses_at_once
            items_survive_a_restart
        }
    };
    ($make:expr $(, $($tokio:tt)*)?) => {
        $crate::queue_contract! { if |_: &str| true, $make $(, $($tokio)*)? }
    };
}

/// Long enough for any backend.
const WAIT: Duration = Duration::from_secs(30);

/// How late an item may come again.
const GRACE: Duration = Duration::from_secs(10);

const NOT_AT_ALL: Duration = Duration::ZERO;

async fn push(queue: &dyn Queue, name: &str, body: &'static str) {
    queue.push(name, Bytes::from_static(body.as_bytes())).await.expect("there is room");
}

async fn pop(queue: &dyn Queue, name: &str) -> Popped {
    let popped = queue.pop(name, WAIT).await.expect("the backend is there");
    popped.unwrap_or_else(|| panic!("no item in `{name}` within {WAIT:?}"))
}

async fn nothing(queue: &dyn Queue, name: &str) {
    assert_eq!(queue.pop(name, NOT_AT_ALL).await, Ok(None));
}

/// Rule 1.
pub async fn items_come_in_the_order_of_their_pushes<T: Queue>(open: impl AsyncFn() -> T) {
    let queue = open().await;
    for (name, body) in [("mail", "1"), ("jobs", "a"), ("mail", "2"), ("mail", "3")] {
        push(&queue, name, body).await;
    }
    for body in ["1", "2", "3"] {
        let popped = pop(&queue, "mail").await;
        assert_eq!((&popped.body[..], popped.attempt), (body.as_bytes(), 1));
    }
    nothing(&queue, "mail").await;
    assert_eq!(pop(&queue, "jobs").await.body, "a");
}

/// Rule 2.
pub async fn a_pop_waits_for_a_push<T: Queue>(open: impl AsyncFn() -> T) {
    let (queue, env) = (open().await, Env::real());
    let short = Duration::from_millis(50);
    let begun = env.now();
    assert_eq!(queue.pop("mail", short).await, Ok(None));
    assert!(env.now() >= begun + short, "it gave up before its time");

    let later = async {
        env.sleep(short).await;
        push(&queue, "mail", "late").await;
    };
    let (popped, ()) = join(pop(&queue, "mail"), later).await;
    assert_eq!(popped.body, "late");
}

/// Rule 3.
pub async fn an_item_goes_to_one_popper<T: Queue>(open: impl AsyncFn() -> T) {
    let queue = open().await;
    let both = join(pop(&queue, "mail"), pop(&queue, "mail"));
    let pushes = async {
        push(&queue, "mail", "1").await;
        push(&queue, "mail", "2").await;
    };
    let ((one, two), ()) = join(both, pushes).await;
    let mut bodies = [one.body, two.body];
    bodies.sort();
    assert_eq!(bodies, ["1", "2"]);
    nothing(&queue, "mail").await;
}

/// Rule 4.
pub async fn an_item_that_is_not_acknowledged_comes_again<T: Queue>(open: impl AsyncFn() -> T) {
    let (queue, env) = (open().await, Env::real());
    let Some(ack_wait) = queue.capabilities().ack_wait else { return };
    push(&queue, "mail", "1").await;
    push(&queue, "mail", "2").await;
    push(&queue, "mail", "3").await;
    let popped = env.now();
    let first = [pop(&queue, "mail").await, pop(&queue, "mail").await];
    let third = pop(&queue, "mail").await;
    queue.ack("mail", &third.receipt).await.expect("it is in time");
    push(&queue, "mail", "4").await;
    assert_eq!(pop(&queue, "mail").await.body, "4");

    let again = queue.pop("mail", ack_wait + GRACE).await.expect("the backend is there");
    let kept = env.now().saturating_duration_since(popped);
    assert!(kept >= ack_wait, "it came again after {kept:?}; the wait is {ack_wait:?}");
    let again = again.expect("nobody acknowledged it");
    assert_eq!((&again.body[..], again.attempt), (&b"1"[..], 2));
    assert_ne!(again.receipt, first[0].receipt);
    assert_eq!(pop(&queue, "mail").await.body, "2", "in the order of before");
}

/// Rule 4, of an app that is gone.
pub async fn an_item_of_a_lost_popper_comes_again<T: Queue>(open: impl AsyncFn() -> T) {
    let (lost, env) = (open().await, Env::real());
    let capabilities = lost.capabilities();
    let Some(ack_wait) = capabilities.ack_wait.filter(|_| capabilities.durable) else { return };
    push(&lost, "mail", "1").await;
    let popped = env.now();
    assert_eq!(pop(&lost, "mail").await.attempt, 1);
    drop(lost);
    let again = pop(&open().await, "mail").await;
    assert_eq!((&again.body[..], again.attempt), (&b"1"[..], 2));
    let kept = env.now().saturating_duration_since(popped);
    assert!(
        capabilities.returns_on_disconnect || kept >= ack_wait,
        "it came again after {kept:?}; the wait is {ack_wait:?}"
    );
}

/// Rule 5.
pub async fn an_acknowledged_item_is_gone<T: Queue>(open: impl AsyncFn() -> T) {
    let (queue, env) = (open().await, Env::real());
    push(&queue, "mail", "1").await;
    let popped = pop(&queue, "mail").await;
    queue.ack("mail", &popped.receipt).await.expect("it is in time");
    queue.ack("mail", &popped.receipt).await.expect("it is gone, which is fine");
    queue.ack("mail", "nonsense").await.expect("there is no such item, which is fine");
    if let Some(ack_wait) = queue.capabilities().ack_wait {
        env.sleep(ack_wait + GRACE / 4).await;
    }
    nothing(&queue, "mail").await;
}

/// Rule 6.
pub async fn a_late_acknowledgement_changes_nothing<T: Queue>(open: impl AsyncFn() -> T) {
    let queue = open().await;
    let Some(ack_wait) = queue.capabilities().ack_wait else { return };
    push(&queue, "mail", "1").await;
    let first = pop(&queue, "mail").await;
    let mut popped = queue.pop("mail", ack_wait + GRACE).await;
    for attempt in 2..4 {
        let again = popped.expect("the backend is there").expect("nobody acknowledged it");
        assert_eq!((&again.body[..], again.attempt), (&b"1"[..], attempt));
        queue.ack("mail", &first.receipt).await.expect("it is late, which is fine");
        popped = queue.pop("mail", ack_wait + GRACE).await;
    }
}

/// Rule 7.
pub async fn a_full_queue_refuses_at_once<T: Queue>(open: impl AsyncFn() -> T) {
    /// More than any backend is opened with here.
    const MANY: usize = 100_000;
    let queue = open().await;
    let body = Bytes::from_static(&[7; 1024]);
    let mut pushed = 0;
    let error = loop {
        match queue.push("mail", body.clone()).await {
            Ok(()) => pushed += 1,
            Err(error) => break error,
        }
        assert!(pushed < MANY, "{pushed} items and no bound");
    };
    assert_eq!(error.kind, QueueErrorKind::Full, "{error}");
    for _ in 0..pushed {
        let popped = queue.pop("mail", NOT_AT_ALL).await.expect("the backend is there");
        let popped = popped.expect("what was pushed is there");
        queue.ack("mail", &popped.receipt).await.expect("it is in time");
    }
    nothing(&queue, "mail").await;
    push(&queue, "mail", "there is room again").await;
}

/// Rule 8.
pub async fn items_survive_a_restart<T: Queue>(open: impl AsyncFn() -> T) {
    let queue = open().await;
    let durable = queue.capabilities().durable;
    push(&queue, "mail", "1").await;
    drop(queue);
    let queue = open().await;
    match durable {
        true => assert_eq!(pop(&queue, "mail").await.body, "1"),
        false => nothing(&queue, "mail").await,
    }
}
