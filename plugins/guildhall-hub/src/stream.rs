//! A watch or subscription at the hub, by long polling.

use std::time::Duration;

use futures_util::FutureExt as _;
use prost::Message;

use crate::link::HubLink;
use crate::proto::{NextReq, StreamRsp, StreamsClient};

/// Longest wait of one question, well within its time limit.
pub(crate) const POLL: Duration = Duration::from_secs(10);

/// What the hub keeps for one watcher or subscriber.
pub(crate) struct Stream {
    link: HubLink,
    id: u64,
}

impl Stream {
    pub(crate) fn new(link: HubLink, opened: &StreamRsp) -> Self {
        Self { link, id: opened.stream }
    }

    /// What has come, or nothing when nothing came for `wait`; `None` when the stream is lost. Dropped, it loses what was on
    /// its way.
    pub(crate) async fn next<M: Message + Default>(&self, wait: Duration) -> Option<Vec<M>> {
        let wait_ms = u64::try_from(wait.min(POLL).as_millis()).unwrap_or(u64::MAX);
        let req = NextReq { stream: self.id, wait_ms };
        let next = StreamsClient::new(self.link.cx()).at(self.link.id()).next(req).await;
        let next =
            next.inspect_err(|status| tracing::debug!(%status, "stream from the hub lost")).ok()?;
        if next.ended {
            return None;
        }
        next.items.into_iter().map(|item| M::decode(item).ok()).collect()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // It is sent at once, or the hub forgets the stream by itself.
        let close = StreamsClient::new(self.link.cx())
            .at(self.link.id())
            .close(StreamRsp { stream: self.id });
        let _sent = close.now_or_never();
    }
}
