//! Watches and subscriptions of clients: bounded buffers, emptied by long polling, and dropped when they are not polled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{BoxFuture, Code, Env, Status};
use guildhall_hub::proto::{NextReq, NextRsp, StreamRsp};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::HubConfig;

/// How much one answer holds: it fits a frame, also with one large item more.
const ANSWER_ITEMS: usize = 1024;
const ANSWER_BYTES: usize = 1 << 20;

/// Where the items of a stream come from.
pub(crate) trait Source: Send {
    /// The next item, encoded; `None` when there will be no more. Cancel safe.
    fn next(&mut self) -> BoxFuture<'_, Option<Bytes>>;
}

/// All open streams.
pub(crate) struct Streams {
    env: Env,
    max: usize,
    idle: Duration,
    poll: Duration,
    draining: CancellationToken,
    open: Mutex<Open>,
}

struct Open {
    streams: BTreeMap<u64, Arc<Stream>>,
    /// When those that nobody asks for were last looked for.
    swept: Instant,
}

struct Stream {
    source: tokio::sync::Mutex<Box<dyn Source>>,
    asked: Mutex<Instant>,
}

impl Streams {
    pub(crate) fn new(env: Env, config: &HubConfig, draining: CancellationToken) -> Self {
        let open = Open { streams: BTreeMap::new(), swept: env.now() };
        Self {
            env,
            max: config.streams_max,
            idle: Duration::from_millis(config.idle_ms),
            poll: Duration::from_millis(config.poll_ms),
            draining,
            open: Mutex::new(open),
        }
    }

    pub(crate) fn open(&self, source: impl Source + 'static) -> Result<StreamRsp, Status> {
        let now = self.env.now();
        let mut open = self.open.lock();
        open.sweep(now, self.idle);
        if open.streams.len() >= self.max {
            let why = format!("the hub has {} streams (hub.streams_max)", self.max);
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        // At random, so that a stream of an earlier life of the hub is never taken for one of this.
        let id = self.env.random();
        let stream =
            Stream { source: tokio::sync::Mutex::new(Box::new(source)), asked: Mutex::new(now) };
        open.streams.insert(id, Arc::new(stream));
        Ok(StreamRsp { stream: id })
    }

    pub(crate) async fn next(&self, req: &NextReq) -> NextRsp {
        let ended = NextRsp { items: Vec::new(), ended: true };
        let now = self.env.now();
        let stream = {
            let mut open = self.open.lock();
            if now >= open.swept + self.idle {
                open.sweep(now, self.idle);
            }
            open.streams.get(&req.stream).cloned()
        };
        let Some(stream) = stream else { return ended };
        *stream.asked.lock() = now;
        let end = now + self.poll.min(Duration::from_millis(req.wait_ms));
        let taken = tokio::select! {
            biased;
            () = self.draining.cancelled() => return ended,
            taken = self.env.until(end, stream.take()) => taken,
        };
        match taken {
            Some(Some(items)) => NextRsp { items, ended: false },
            Some(None) => {
                self.open.lock().streams.remove(&req.stream);
                ended
            }
            None => NextRsp::default(),
        }
    }

    pub(crate) fn close(&self, id: u64) {
        self.open.lock().streams.remove(&id);
    }
}

impl Open {
    fn sweep(&mut self, now: Instant, idle: Duration) {
        self.streams.retain(|_, stream| now < *stream.asked.lock() + idle);
        self.swept = now;
    }
}

impl Stream {
    /// Waits for an item, and takes what is there.
    async fn take(&self) -> Option<Vec<Bytes>> {
        let mut source = self.source.lock().await;
        let first = source.next().await?;
        let (mut bytes, mut items) = (first.len(), vec![first]);
        while items.len() < ANSWER_ITEMS && bytes < ANSWER_BYTES {
            // An end is seen again by who asks next.
            let Some(Some(item)) = source.next().now_or_never() else { break };
            bytes += item.len();
            items.push(item);
        }
        Some(items)
    }
}
