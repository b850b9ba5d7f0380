//! A watch or subscription at the hub, by long polling.

use std::time::Duration;

use futures_util::FutureExt as _;
use prost::Message;

use crate::client::HubClient;
use crate::proto::{NextReq, StreamRsp, StreamsClient};

/// Longest wait of one question, well within its time limit.
pub(crate) const POLL: Duration = Duration::from_secs(10);

/// What the hub keeps for one watcher or subscriber.
pub(crate) struct Stream {
    client: HubClient,
    id: u64,
}

impl Stream {
    pub(crate) fn new(client: HubClient, opened: &StreamRsp) -> Self {
        Self { client, id: opened.stream }
    }

    /// What has come, or nothing when nothing came for `wait`; `None` when the stream is lost. Dropped, it loses what was on
    /// its way.
    pub(crate) async fn next<M: Message + Default>(&self, wait: Duration) -> Option<Vec<M>> {
        let wait_ms = u64::try_from(wait.min(POLL).as_millis()).unwrap_or(u64::MAX);
        let req = NextReq { stream: self.id, wait_ms };
        let next = StreamsClient::new(self.client.cx()).at(self.client.id()).next(req).await;
        let next = next.inspect_err(|status| tracing::debug!(%status, "stream from the hub lost")).ok()?;
        if next.ended {
            return None;
        }
        next.items.into_iter().map(|item| M::decode(item).ok()).collect()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // It is sent at once, or the hub forgets the stream by itself.
        let close = StreamsClient::new(self.client.cx())
            .at(self.client.id())
            .close(StreamRsp { stream: self.id });
        let _sent = close.now_or_never();
    }
}
