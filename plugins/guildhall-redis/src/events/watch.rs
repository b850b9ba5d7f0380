//! [`Events::watch`]: a snapshot and what has changed since.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Events, Sink};

impl Events {
    /// A snapshot, and then the changes that are numbered after it: `snapshot` is asked once the changes come, and `read` reads one that is
    /// wanted. The stream ends when a change is missing or the reader is too slow.
    pub(crate) async fn watch<C: Send + 'static>(
        &self,
        channel: &str,
        buffer: usize,
        snapshot: impl Future<Output = Result<(u64, Vec<C>), String>>,
        read: impl Fn(&[u8]) -> Option<Read<C>> + Send + Sync + 'static,
    ) -> Result<mpsc::Receiver<C>, String> {
        let (raw, mut messages) = mpsc::channel::<Bytes>(buffer);
        let sink: Sink = Box::new(move |message| raw.try_send(message).is_ok());
        let subscribed = self.subscribe(channel, sink).await?;
        let (mut last, items) = snapshot.await?;
        let (changes, watch) = mpsc::channel(buffer);
        let forward = async move {
            let _until_it_ends = subscribed;
            let told = async {
                for item in items {
                    // A snapshot may be larger than the buffer; its reader need not be as fast as the server.
                    if changes.send(item).await.is_err() {
                        return;
                    }
                }
                while let Some(message) = messages.recv().await {
                    let Some((number, text)) = numbered(&message) else { return };
                    if number <= last {
                        continue;
                    }
                    let missing = number != last + 1;
                    last = number;
                    let is_told = match read(text) {
                        _ if missing => false,
                        Some(Read::Other) => true,
                        Some(Read::Change(change)) => changes.try_send(change).is_ok(),
                        None => false,
                    };
                    if !is_told {
                        return;
                    }
                }
            };
            tokio::select! {
                biased;
                () = changes.closed() => {}
                () = told => {}
            }
        };
        self.0.client.env.spawn("redis.watch", forward);
        Ok(watch)
    }
}

/// What a message is to a watcher.
pub(crate) enum Read<C> {
    Change(C),
    /// Nothing that it has asked for.
    Other,
}

/// Parts the number of a change from its text.
fn numbered(message: &[u8]) -> Option<(u64, &[u8])> {
    let end = message.iter().position(|byte| *byte == b'\n')?;
    let number = std::str::from_utf8(&message[..end]).ok()?.parse().ok()?;
    Some((number, &message[end + 1..]))
}
