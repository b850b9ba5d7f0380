//! The contract suite of the [`Broker`] seam: one function per rule, and a macro that makes a test of each.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::broker::{Broker, Delivery, MESSAGE_MAX, Subscription, TOPIC_MAX};

/// Makes one test of each rule of the contract of `guildhall_core::broker::Broker`.
///
/// The argument is called once per test and returns an async closure that opens a backend whose topics nobody else uses. What
/// follows it goes to `tokio::test`, which the caller's crate must have; in-memory backends add `start_paused = true`.
#[macro_export]
macro_rules! broker_contract {
    (if $runs:expr, $make:expr $(, $($tokio:tt)*)?) => {
        $crate::contract_tests! { broker ($make, $runs) ($($($tokio)*)?)
            a_message_reaches_every_subscription_of_its_topic
            messages_of_one_publisher_come_in_their_order
            a_message_that_nobody_wants_is_gone
            a_dropped_subscription_is_over
            a_slow_subscription_loses_messages_and_is_told_how_many
            a_wrong_topic_and_a_large_message_are_refused
        }
    };
    ($make:expr $(, $($tokio:tt)*)?) => {
        $crate::broker_contract! { if |_: &str| true, $make $(, $($tokio)*)? }
    };
}

/// Long enough for any backend.
const WITHIN: Duration = Duration::from_secs(30);

/// Enough for what these tests publish.
const BUFFER: usize = 256;

async fn subscribe(broker: &dyn Broker, topic: &str, buffer: usize) -> Subscription {
    broker.subscribe(topic, buffer).await.expect("it can be subscribed")
}

/// How often a message and a subscription race.
const ROUNDS: usize = 50;

async fn publish(broker: &dyn Broker, topic: &str, text: &str) {
    let message = Bytes::copy_from_slice(text.as_bytes());
    broker.publish(topic, message).await.expect("it can be published");
}

/// What comes next, or a failure that says what was waited for.
async fn next(subscription: &mut Subscription, wanted: &str) -> Delivery {
    let env = Env::real();
    let next = env.until(env.now() + WITHIN, subscription.next()).await;
    next.unwrap_or_else(|| panic!("nothing came within {WITHIN:?}; wanted {wanted}"))
        .unwrap_or_else(|| panic!("the subscription ended; wanted {wanted}"))
}

async fn comes(subscription: &mut Subscription, text: &str) {
    let wanted = Delivery::Message(Bytes::copy_from_slice(text.as_bytes()));
    assert_eq!(next(subscription, text).await, wanted);
}

/// Rule 1.
pub async fn a_message_reaches_every_subscription_of_its_topic<T: Broker>(
    open: impl AsyncFn() -> T,
) {
    let broker = open().await;
    let mut first = subscribe(&broker, "room.1", BUFFER).await;
    let mut second = subscribe(&broker, "room.1", BUFFER).await;
    let mut longer = subscribe(&broker, "room.1.loud", BUFFER).await;
    let mut other = subscribe(&broker, "room", BUFFER).await;
    publish(&broker, "room.1", "to 1").await;
    publish(&broker, "room.1.loud", "to loud").await;
    publish(&broker, "room", "to room").await;
    comes(&mut first, "to 1").await;
    comes(&mut second, "to 1").await;
    // Whatever reached the wrong topic would have come before.
    comes(&mut longer, "to loud").await;
    comes(&mut other, "to room").await;
}

/// Rule 2.
pub async fn messages_of_one_publisher_come_in_their_order<T: Broker>(open: impl AsyncFn() -> T) {
    let broker = open().await;
    let mut subscription = subscribe(&broker, "room.1", BUFFER).await;
    for n in 0..BUFFER {
        publish(&broker, "room.1", &n.to_string()).await;
    }
    for n in 0..BUFFER {
        comes(&mut subscription, &n.to_string()).await;
    }
}

/// Rule 3.
pub async fn a_message_that_nobody_wants_is_gone<T: Broker>(open: impl AsyncFn() -> T) {
    let broker = open().await;
    publish(&broker, "room.1", "to nobody").await;
    let mut late = subscribe(&broker, "room.1", BUFFER).await;
    publish(&broker, "room.1", "to the late one").await;
    comes(&mut late, "to the late one").await;
    // The topic has a subscription all the time, and messages on their way.
    for n in 0..ROUNDS {
        publish(&broker, "room.1", &format!("before {n}")).await;
        let mut later = subscribe(&broker, "room.1", BUFFER).await;
        publish(&broker, "room.1", &format!("after {n}")).await;
        comes(&mut later, &format!("after {n}")).await;
        comes(&mut late, &format!("before {n}")).await;
        comes(&mut late, &format!("after {n}")).await;
    }
}

/// Rule 4.
pub async fn a_dropped_subscription_is_over<T: Broker>(open: impl AsyncFn() -> T) {
    let broker = open().await;
    let gone = subscribe(&broker, "room.1", BUFFER).await;
    let mut stays = subscribe(&broker, "room.1", BUFFER).await;
    drop(gone);
    publish(&broker, "room.1", "to who is left").await;
    comes(&mut stays, "to who is left").await;
    drop(stays);
    publish(&broker, "room.1", "to nobody").await;
    let mut again = subscribe(&broker, "room.1", BUFFER).await;
    publish(&broker, "room.1", "again").await;
    comes(&mut again, "again").await;
}

/// Rule 5.
pub async fn a_slow_subscription_loses_messages_and_is_told_how_many<T: Broker>(
    open: impl AsyncFn() -> T,
) {
    let broker = open().await;
    let mut slow = subscribe(&broker, "room.1", 4).await;
    let mut fast = subscribe(&broker, "room.1", BUFFER).await;
    for n in 0..BUFFER {
        publish(&broker, "room.1", &n.to_string()).await;
    }
    for n in 0..BUFFER {
        comes(&mut fast, &n.to_string()).await;
    }
    let (mut seen, mut lost, mut last) = (0, 0, None);
    while seen + lost < BUFFER {
        match next(&mut slow, "what is left of the messages").await {
            Delivery::Lost(messages) => lost += usize::try_from(messages).expect("not that many"),
            Delivery::Message(message) => {
                let text = String::from_utf8(message.to_vec()).expect("a number");
                let number: usize = text.parse().expect("a number");
                assert!(Some(number) > last, "{number} came after {last:?}");
                (seen, last) = (seen + 1, Some(number));
            }
        }
    }
    assert_eq!(seen + lost, BUFFER, "{seen} came and {lost} were lost");
    assert!(lost > 0, "nothing was lost with {BUFFER} messages for a buffer of 4");
    publish(&broker, "room.1", "later").await;
    comes(&mut slow, "later").await;
}

/// Rule 6.
pub async fn a_wrong_topic_and_a_large_message_are_refused<T: Broker>(open: impl AsyncFn() -> T) {
    let broker = open().await;
    let long = "x".repeat(TOPIC_MAX + 1);
    for topic in
        ["", ".", "room.", ".room", "room..1", "room.*", "room.>", "room 1", "räume", &long]
    {
        let published = broker.publish(topic, Bytes::new()).await;
        assert!(published.is_err(), "a message was published under `{topic}`");
        let subscribed = broker.subscribe(topic, BUFFER).await;
        assert!(subscribed.is_err(), "`{topic}` was subscribed");
    }
    let longest = &long[1..];
    let mut subscription = subscribe(&broker, longest, BUFFER).await;
    let large = broker.publish(longest, vec![7; MESSAGE_MAX + 1].into()).await;
    assert!(large.is_err(), "a message over the limit was published");
    broker.publish(longest, vec![7; MESSAGE_MAX].into()).await.expect("it fits");
    let largest = next(&mut subscription, "the largest message").await;
    assert_eq!(largest, Delivery::Message(vec![7; MESSAGE_MAX].into()));
}
