//! [`MemoryBroker`]: the in-memory implementation, for apps that share one process.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Broker, BrokerError, Feed, Subscription, check};
use crate::BoxFuture;

/// How many subscriptions there may be.
pub const SUBSCRIPTIONS_MAX: usize = 65_536;

/// Topics in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryBroker(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    /// By topic, and by the order in which they subscribed.
    feeds: BTreeMap<String, BTreeMap<u64, Feed>>,
    /// Of the next subscription.
    next: u64,
    live: usize,
}

/// Takes the subscription off the board.
struct Leave {
    board: Weak<Mutex<Board>>,
    topic: String,
    number: u64,
}

impl MemoryBroker {
    /// Makes one without subscriptions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the subscriptions of `topic` that so many messages were lost before they came here.
    pub fn lose(&self, topic: &str, messages: u64) {
        let board = self.0.lock();
        board
            .feeds
            .get(topic)
            .into_iter()
            .flat_map(BTreeMap::values)
            .for_each(|feed| feed.lose(messages));
    }
}

impl Broker for MemoryBroker {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            check("publish", topic, &message)?;
            let board = self.0.lock();
            for feed in board.feeds.get(topic).into_iter().flat_map(BTreeMap::values) {
                feed.push(message.clone());
            }
            Ok(())
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        Box::pin(async move {
            check("subscribe", topic, &[])?;
            let mut board = self.0.lock();
            if board.live >= SUBSCRIPTIONS_MAX {
                let message = format!("there are {SUBSCRIPTIONS_MAX} subscriptions; drop some");
                return Err(BrokerError { operation: "subscribe", message });
            }
            let number = board.next;
            (board.next, board.live) = (number + 1, board.live + 1);
            let leave = Leave { board: Arc::downgrade(&self.0), topic: topic.to_owned(), number };
            let (feed, subscription) = Subscription::new(buffer, leave);
            board.feeds.entry(topic.to_owned()).or_default().insert(number, feed);
            Ok(subscription)
        })
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let Some(board) = self.board.upgrade() else { return };
        let mut board = board.lock();
        let Some(feeds) = board.feeds.get_mut(&self.topic) else { return };
        let was_there = feeds.remove(&self.number).is_some();
        if feeds.is_empty() {
            board.feeds.remove(&self.topic);
        }
        board.live -= usize::from(was_there);
    }
}
