//! [`Bucket`]: a key-value bucket of JetStream: compare-and-set, reads from the leader, and the last sequence number.
//!
//! A bucket is a stream with a subject per key, of which each has its last message; the sequence number of that is the key's
//! revision. An empty message says that the key is gone.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, LastRawMessageErrorKind, StorageType, Stream,
};
use bytes::Bytes;
use guildhall_kv::Entry;
use parking_lot::Mutex;

use crate::client::Client;
use crate::fault::Fault;

/// Keys with their history: more is refused.
const KEYS_MAX: i64 = 1 << 20;

/// A bucket.
pub(crate) struct Bucket {
    pub(crate) client: Arc<Client>,
    /// `KV_..`, so that the tools of NATS know it.
    name: String,
    prefix: String,
    max_age: Duration,
    stream: Mutex<Option<Stream>>,
}

impl Bucket {
    /// The bucket `what` of the space of `client`; keys that are not written for `max_age` go away, zero keeps them.
    pub(crate) fn new(client: Arc<Client>, what: &str, max_age: Duration) -> Self {
        let bucket = client.stream_name(what);
        let (name, prefix) = (format!("KV_{bucket}"), format!("$KV.{bucket}."));
        Self { client, name, prefix, max_age, stream: Mutex::default() }
    }

    /// Makes the stream if it is not there.
    pub(crate) async fn ensure(&self) -> Result<Stream, Fault> {
        let config = Config {
            name: self.name.clone(),
            subjects: vec![format!("{}>", self.prefix)],
            max_messages_per_subject: 1,
            max_messages: KEYS_MAX,
            max_age: self.max_age,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: self.client.settings.replicas,
            allow_rollup: true,
            ..Config::default()
        };
        // `create_key_value` of async-nats 0.51 asks for the account first, whose answer it cannot read from a server of 2.9.
        let made = Box::pin(self.client.jetstream.get_or_create_stream(config));
        let stream = self.client.run(made).await?;
        *self.stream.lock() = Some(stream.clone());
        Ok(stream)
    }

    /// The stream, made if nobody has made it before.
    async fn stream(&self) -> Result<Stream, Fault> {
        let known = self.stream.lock().clone();
        match known {
            Some(stream) => Ok(stream),
            None => self.ensure().await,
        }
    }

    pub(crate) fn subject_of_all(&self) -> String {
        format!("{}>", self.prefix)
    }

    pub(crate) fn key<'s>(&self, subject: &'s str) -> Option<&'s str> {
        subject.strip_prefix(&self.prefix)
    }

    /// Writes `value`, or with `None` that the key is gone, if the revision of the key is still `expected`; 0: it was never
    /// written. Returns the new revision.
    pub(crate) async fn set(
        &self,
        key: &str,
        value: Option<Bytes>,
        expected: u64,
    ) -> Result<u64, Fault> {
        let first = self.set_once(key, value.clone(), expected).await;
        match first {
            // It was removed while this client was connected.
            Err(Fault::NoStream) => {
                self.ensure().await?;
                self.set_once(key, value, expected).await
            }
            first => first,
        }
    }

    async fn set_once(&self, key: &str, value: Option<Bytes>, expected: u64) -> Result<u64, Fault> {
        let mut message = PublishMessage::build().expected_last_subject_sequence(expected);
        if value.is_none() {
            // What the tools of NATS expect of a key that is gone.
            message = message.header("KV-Operation", "DEL");
        }
        let message = message.payload(value.unwrap_or_default());
        let subject = format!("{}{key}", self.prefix);
        let written = self
            .client
            .run(async { self.client.jetstream.send_publish(subject, message).await?.await });
        Ok(written.await?.sequence)
    }

    /// Reads a key, from the leader of the stream.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Entry>, Fault> {
        let stream = self.stream().await?;
        let subject = format!("{}{key}", self.prefix);
        let read = Box::pin(async {
            match stream.get_last_raw_message_by_subject(&subject).await {
                Ok(message) => Ok(Some(message)),
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
                Err(error) => Err(error),
            }
        });
        let message = self.client.run(read).await?;
        Ok(message.map(|message| Entry {
            key: key.to_owned(),
            value: Some(message.payload).filter(|value| !value.is_empty()),
            revision: message.sequence,
        }))
    }

    /// The number of the last write of all keys, from the leader of the stream.
    pub(crate) async fn last(&self) -> Result<u64, Fault> {
        let stream = self.stream().await?;
        Ok(self.client.run(Box::pin(stream.get_info())).await?.state.last_sequence)
    }
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).finish_non_exhaustive()
    }
}
