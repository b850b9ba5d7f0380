//! [`Follower`]: a picture of a bucket that is kept up to date, and is read anew after every interruption.
//!
//! A watch of JetStream that was interrupted is never resumed. One that nobody polls while the server restarts ends with `missed
//! idle heartbeat` for good, and one that resumes by its sequence number does not show what has been removed. So this one is polled
//! by a task of its own, ends with its connection or its first error, and begins again with all keys.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{DeliverPolicy, push};
use futures_util::StreamExt as _;
use guildhall_kv::{Entry, Picture};
use tokio::sync::watch;

use crate::bucket::Bucket;
use crate::client::Link;
use crate::fault::{Fault, words};

/// How long the rest of a first reading may take to arrive, message by message.
const SNAPSHOT: Duration = Duration::from_secs(10);
/// Pause after a failure that was not one of the connection.
const PAUSE: Duration = Duration::from_millis(200);

/// The end of a follower that waits for what it has seen. The follower ends with it.
#[derive(Debug)]
pub(crate) struct Follower {
    bucket: Arc<Bucket>,
    /// The last write that the picture shows; `None` while it shows nothing.
    shown: watch::Receiver<Option<u64>>,
    _alive: Arc<()>,
}

impl Follower {
    /// Begins to follow.
    pub(crate) fn start(bucket: Arc<Bucket>, picture: Arc<impl Picture>) -> Self {
        let (shows, shown) = watch::channel(None);
        let alive = Arc::new(());
        let env = bucket.client.env.clone();
        let task = follow(Arc::clone(&bucket), picture, shows, Arc::downgrade(&alive));
        env.spawn("nats.follow", task);
        Self { bucket, shown, _alive: alive }
    }

    /// Waits until the picture shows everything that was written before this was called.
    pub(crate) async fn catch_up(&self) -> Result<u64, Fault> {
        self.bucket.client.up().await?;
        self.shows(0).await?;
        let last = self.bucket.last().await?;
        self.shows(last).await?;
        Ok(last)
    }

    /// Waits until the picture shows the write `number`.
    pub(crate) async fn shows(&self, number: u64) -> Result<(), Fault> {
        let client = &self.bucket.client;
        let mut shown = self.shown.clone();
        let deadline = client.env.now() + client.settings.deadline;
        let shows = shown.wait_for(|shown| shown.is_some_and(|shown| shown >= number));
        let late = || match client.link() {
            Ok(_) => {
                Fault::Lost("the bucket cannot be read to its end within deadline_ms".to_owned())
            }
            Err(fault) => fault,
        };
        match client.env.until(deadline, shows).await {
            Some(Ok(_)) => Ok(()),
            _ => Err(late()),
        }
    }
}

async fn follow(
    bucket: Arc<Bucket>,
    picture: Arc<impl Picture>,
    shows: watch::Sender<Option<u64>>,
    alive: Weak<()>,
) {
    let client = Arc::clone(&bucket.client);
    while alive.strong_count() > 0 {
        let Ok(link) = client.connected().await else {
            client.env.sleep(PAUSE).await;
            continue;
        };
        let reading = read(&bucket, link, &*picture, &shows);
        let fault = tokio::select! {
            biased;
            () = shows.closed() => return,
            () = client.lost(link) => None,
            fault = reading => Some(fault),
        };
        if shows.send_replace(None).is_some() {
            picture.lost();
        }
        if let Some(fault) = fault {
            client.outage.failed(&fault);
            client.env.sleep(PAUSE + client.outage.pause()).await;
        }
    }
}

/// Reads all keys, and then what changes, until that fails.
async fn read(
    bucket: &Bucket,
    link: Link,
    picture: &impl Picture,
    shows: &watch::Sender<Option<u64>>,
) -> Fault {
    let client = &bucket.client;
    let begun = async {
        let stream = bucket.ensure().await?;
        // Before the reading begins: what it shows is at least as new.
        let last = client.run(Box::pin(stream.get_info())).await?.state.last_sequence;
        let config = push::OrderedConfig {
            deliver_subject: client.nats.new_inbox(),
            filter_subject: bucket.subject_of_all(),
            deliver_policy: DeliverPolicy::LastPerSubject,
            ..Default::default()
        };
        let consumer = client.run(Box::pin(stream.create_consumer(config))).await?;
        let left = consumer.cached_info().num_pending;
        let messages = consumer.messages().await.map_err(|error| Fault::Refused(words(&error)))?;
        Ok((last, left, messages))
    };
    let (last, left, mut messages) = match begun.await {
        Ok(begun) => begun,
        Err(fault) => return fault,
    };
    let (mut all, mut upto, mut left) = (Vec::new(), last, left);
    while left > 0 {
        let Some(next) = client.env.until(client.env.now() + SNAPSHOT, messages.next()).await
        else {
            return Fault::Lost("the keys of the bucket do not arrive".to_owned());
        };
        match entry(bucket, next) {
            Ok((entry, pending)) => {
                (upto, left) = (upto.max(entry.revision), pending);
                all.push(entry);
            }
            Err(fault) => return fault,
        }
    }
    if client.link() != Ok(link) {
        return Fault::Lost("the connection was lost".to_owned());
    }
    client.outage.worked();
    picture.begin(all);
    shows.send_replace(Some(upto));
    loop {
        match entry(bucket, messages.next().await) {
            Ok((entry, _)) => {
                let revision = entry.revision;
                picture.change(entry);
                shows.send_replace(Some(revision.max(upto)));
            }
            Err(fault) => return fault,
        }
    }
}

/// The entry of a message, and how many come after it.
fn entry<E: std::error::Error + 'static>(
    bucket: &Bucket,
    message: Option<Result<Message, E>>,
) -> Result<(Entry, u64), Fault> {
    let message = message.ok_or_else(|| Fault::Lost("the watch has ended".to_owned()))?;
    let message = message.map_err(|error| Fault::Lost(words(&error)))?;
    let info = message.info().map_err(|error| Fault::Refused(error.to_string()))?;
    let key = bucket.key(&message.subject);
    let key = key.ok_or_else(|| Fault::Refused("a message of another subject".to_owned()))?;
    let value = Some(message.payload.clone()).filter(|value| !value.is_empty());
    Ok((Entry { key: key.to_owned(), value, revision: info.stream_sequence }, info.pending))
}
