//! [`PostgresBroker`]: the [`Broker`] seam by `NOTIFY`: a channel per topic, and a message in as many notifications as it needs.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use bytes::Bytes;
use guildhall_core::BoxFuture;
use guildhall_core::broker::memory::SUBSCRIPTIONS_MAX;
use guildhall_core::broker::{Broker, BrokerError, Feed, Subscription, check};
use parking_lot::Mutex;

use crate::client::Lane;
use crate::ear::Listener;
use crate::fault::Fault;
use crate::letter::{self, Letter};
use crate::link::Link;
use crate::session::Statement;
use crate::sql::Params;

/// Topics over a PostgreSQL server. Messages are nowhere but in the server's memory and on their way.
///
/// When the connection breaks, the subscriptions stay, and each says that at least one message is lost: how many were, nobody knows.
pub struct PostgresBroker(Arc<Topics>);

struct Topics {
    link: Arc<Link>,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    topics: BTreeMap<String, Arc<Topic>>,
    /// Of the next subscription.
    next: u64,
    live: usize,
}

struct Topic {
    name: String,
    /// By number, each with the change of the channels from which on messages are for it.
    feeds: Mutex<BTreeMap<u64, (u64, Feed)>>,
}

/// Takes the subscription off the board.
struct Leave {
    topics: Weak<Topics>,
    topic: String,
    number: u64,
}

impl PostgresBroker {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self(Arc::new(Topics { link, board: Mutex::default() }))
    }
}

impl std::fmt::Debug for PostgresBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PostgresBroker").field(&self.0.link.client.settings).finish()
    }
}

impl Broker for PostgresBroker {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        message: Bytes,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        Box::pin(async move {
            check("publish", topic, &message)?;
            let link = &self.0.link;
            let mut params = Params::default();
            let channel = params.text(link.cluster.topic(topic));
            let text = format!("{topic} {}", BASE64.encode(&message));
            let parts = params.texts(letter::parts(&text));
            // One statement is one transaction: nothing comes between the parts.
            let sql = format!(
                "SELECT count(pg_notify({channel}, '0 ' || part)) \
                 FROM (SELECT part FROM unnest({parts}) WITH ORDINALITY AS p (part, n) ORDER BY n) AS parts"
            );
            let statement = Statement::new(sql, params);
            let sent = link.client.run(Lane::Rows, link.client.settings.deadline, |session| {
                let statement = &statement;
                Box::pin(async move { session.once(statement).await })
            });
            sent.await.map_err(|fault| failed("publish", fault))
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        buffer: usize,
    ) -> BoxFuture<'a, Result<Subscription, BrokerError>> {
        Box::pin(async move {
            check("subscribe", topic, &[])?;
            let (asked, subscription) = self.0.join(topic, buffer)?;
            let settled = self.0.link.ear.settle(asked).await;
            settled.map_err(|fault| failed("subscribe", fault))?;
            Ok(subscription)
        })
    }
}

impl Topics {
    fn join(
        self: &Arc<Self>,
        topic: &str,
        buffer: usize,
    ) -> Result<(u64, Subscription), BrokerError> {
        let mut board = self.board.lock();
        if board.live >= SUBSCRIPTIONS_MAX {
            let message = format!("there are {SUBSCRIPTIONS_MAX} subscriptions; drop some");
            return Err(BrokerError { operation: "subscribe", message });
        }
        let number = board.next;
        (board.next, board.live) = (number + 1, board.live + 1);
        let leave = Leave { topics: Arc::downgrade(self), topic: topic.to_owned(), number };
        let (feed, subscription) = Subscription::new(buffer, leave);
        let joined = board
            .topics
            .entry(topic.to_owned())
            .or_insert_with(|| Arc::new(Topic { name: topic.to_owned(), feeds: Mutex::default() }));
        let asked = self.link.ear.attach(&self.link.cluster.topic(topic), Arc::clone(joined) as _);
        joined.feeds.lock().insert(number, (asked, feed));
        Ok((asked, subscription))
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let Some(topics) = self.topics.upgrade() else { return };
        let mut board = topics.board.lock();
        let Some(topic) = board.topics.get(&self.topic) else { return };
        let mut feeds = topic.feeds.lock();
        let was_there = feeds.remove(&self.number).is_some();
        let is_empty = feeds.is_empty();
        drop(feeds);
        board.live -= usize::from(was_there);
        if is_empty {
            board.topics.remove(&self.topic);
            topics.link.ear.detach(&topics.link.cluster.topic(&self.topic));
        }
    }
}

impl Topic {
    /// To each subscription that had begun: one that begins now gets nothing from before.
    fn each(&self, settled: u64, tell: impl Fn(&Feed)) {
        let feeds = self.feeds.lock();
        feeds.values().filter(|(asked, _)| *asked <= settled).for_each(|(_, feed)| tell(feed));
    }
}

impl Listener for Topic {
    fn heard(&self, letter: &Letter, settled: u64) {
        let message = letter.text.split_once(' ');
        let message = message.filter(|(topic, _)| *topic == self.name);
        let Some(message) = message.and_then(|(_, message)| BASE64.decode(message).ok()) else {
            tracing::debug!(topic = self.name, "notification that is no message of ours");
            return;
        };
        let message = Bytes::from(message);
        self.each(settled, |feed| feed.push(message.clone()));
    }

    fn lost(&self, settled: u64) {
        self.each(settled, |feed| feed.lose(1));
    }
}

fn failed(operation: &'static str, fault: Fault) -> BrokerError {
    BrokerError { operation, message: fault.words() }
}
