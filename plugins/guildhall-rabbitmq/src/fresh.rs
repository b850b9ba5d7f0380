//! [`Fresh`]: queues that were made a moment ago, which RabbitMQ does not keep yet.

use std::collections::BTreeMap;
use std::time::Duration;

use guildhall_core::env::Instant;
use parking_lot::Mutex;
use tokio::sync::{Mutex as Turns, MutexGuard};

/// How long RabbitMQ may take to write down on disk which queues a node has: it does so half a second to a second after the last one
/// was made. A node that is killed before that starts the queue anew, without its items and without a leader, so nothing is pushed
/// before it.
const SETTLES: Duration = Duration::from_secs(2);

/// What this process has made, on whichever connection.
#[derive(Default)]
pub(crate) struct Fresh {
    /// A queue that exists may have no leader while the request that makes it is not answered: one queue is made at a time.
    turns: Turns<()>,
    /// As many as can be made within [`SETTLES`].
    made: Mutex<BTreeMap<String, Instant>>,
}

impl Fresh {
    /// Waits for the turn to look for a queue and to make it.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turns.lock().await
    }

    /// It is made now.
    pub(crate) fn add(&self, queue: &str, now: Instant) {
        let mut made = self.made.lock();
        made.retain(|_, made| *made + SETTLES > now);
        made.insert(queue.to_owned(), now);
    }

    /// When an item that is pushed is kept over the end of the node.
    pub(crate) fn settles(&self, queue: &str) -> Option<Instant> {
        self.made.lock().get(queue).map(|made| *made + SETTLES)
    }
}
