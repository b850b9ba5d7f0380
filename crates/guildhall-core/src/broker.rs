//! The [`Broker`] seam: messages by topic to all subscribers.

mod sequence;
mod subscription;
pub mod memory;

use bytes::Bytes;

use crate::BoxFuture;

pub use sequence::{Gaps, Sequence};
pub use subscription::{Delivery, Feed, Subscription};

/// Fan-out by topic: each message goes at most once to each existing subscription.
///
/// # Contract
/// Each rule has its test, of the same name, in `guildhall_testkit::broker`.
///
/// 1. `a_message_reaches_every_subscription_of_its_topic`: every one that existed before the message was published, the publisher's
///    own included; subscriptions of other topics do not get it.
/// 2. `messages_of_one_publisher_come_in_their_order`: to each subscription.
/// 3. `a_message_that_nobody_wants_is_gone`: publishing without subscriptions is no error, and later subscriptions do not get the
///    message.
/// 4. `a_dropped_subscription_is_over`: it gets nothing more; other subscriptions continue.
/// 5. `a_slow_subscription_loses_messages_and_is_told_how_many`: messages beyond its buffer are dropped and counted; the publisher and
///    other subscriptions do not wait for it.
/// 6. `a_wrong_topic_and_a_large_message_are_refused`: see [`check`].
///
/// When the backend is lost, its subscriptions end: subscribe again.
pub trait Broker: Send + Sync + 'static {
    /// Sends `message` to the subscriptions of `topic`. `Ok` means that the broker has it, or gets it next.
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Subscribes to `topic` from now on. Dropping the subscription ends it. `buffer` is the number of messages that may wait for it,
    /// at least 1.
    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>>;
}

/// Longest topic, in bytes.
pub const TOPIC_MAX: usize = 255;

/// Largest message, in bytes.
pub const MESSAGE_MAX: usize = 1 << 20;

/// Checks the limits of all brokers: a topic has 1 to [`TOPIC_MAX`] characters of `[A-Za-z0-9._-]` without empty parts between its
/// dots, and a message at most [`MESSAGE_MAX`] bytes. Every implementation calls this first.
///
/// # Errors
/// The topic or the message exceeds the limits.
pub fn check(operation: &'static str, topic: &str, message: &[u8]) -> Result<(), BrokerError> {
    let refused = |message| Err(BrokerError { operation, message });
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if topic.len() > TOPIC_MAX || !topic.chars().all(allowed) || topic.split('.').any(str::is_empty)
    {
        let topic: String = topic.chars().take(80).collect();
        return refused(format!(
            "topic `{topic}` is not 1 to {TOPIC_MAX} characters of [A-Za-z0-9._-], with no empty part between its dots"
        ));
    }
    if message.len() > MESSAGE_MAX {
        return refused(format!("{} bytes for {topic}; at most {MESSAGE_MAX} fit", message.len()));
    }
    Ok(())
}

/// The error of a broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("broker {operation}: {message}")]
pub struct BrokerError {
    /// `publish` or `subscribe`.
    pub operation: &'static str,
    /// The problem, and what to do.
    pub message: String,
}
