//! [`Subscription`] and the [`Feed`] that fills it: a bounded buffer that counts dropped messages.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

/// The largest buffer; more is this.
const BUFFER_MAX: usize = 1 << 20;

/// What a subscriber gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A message of the topic.
    Message(Bytes),
    /// So many messages are missing among those that come now: the subscriber was too slow.
    Lost(u64),
}

/// The messages of a topic. Dropping it ends the subscription.
#[must_use = "the subscription ends when this is dropped"]
pub struct Subscription {
    messages: mpsc::Receiver<Bytes>,
    lost: Arc<AtomicU64>,
    /// Taken out of `messages`, to be given after what was lost.
    held: Option<Bytes>,
    _ends: Box<dyn Any + Send + Sync>,
}

/// The broker's end of a [`Subscription`]. The subscription ends when it is dropped.
#[derive(Debug)]
#[must_use = "the subscription ends when this is dropped"]
pub struct Feed {
    messages: mpsc::Sender<Bytes>,
    lost: Arc<AtomicU64>,
}

impl Subscription {
    /// Makes a subscription for which `buffer` messages may wait. `ends` is dropped with it: there the broker unsubscribes.
    pub fn new(buffer: usize, ends: impl Send + Sync + 'static) -> (Feed, Self) {
        let (sender, messages) = mpsc::channel(buffer.clamp(1, BUFFER_MAX));
        let lost = Arc::new(AtomicU64::new(0));
        let feed = Feed { messages: sender, lost: Arc::clone(&lost) };
        (feed, Self { messages, lost, held: None, _ends: Box::new(ends) })
    }

    /// The next message, or how many are missing; `None` when the backend is lost.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            let lost = self.lost.swap(0, Ordering::AcqRel);
            if lost > 0 {
                return Some(Delivery::Lost(lost));
            }
            if let Some(message) = self.held.take() {
                return Some(Delivery::Message(message));
            }
            // What was lost while this waited is told first.
            self.held = self.messages.recv().await;
            if self.held.is_none() && self.lost.load(Ordering::Acquire) == 0 {
                return None;
            }
        }
    }
}

impl Feed {
    /// Gives a message to the subscriber, or counts it as lost when too many wait.
    pub fn push(&self, message: Bytes) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.messages.try_send(message) {
            self.lose(1);
        }
    }

    /// Counts messages that were lost on the way here.
    pub fn lose(&self, messages: u64) {
        self.lost.fetch_add(messages, Ordering::AcqRel);
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("lost", &self.lost).finish_non_exhaustive()
    }
}
