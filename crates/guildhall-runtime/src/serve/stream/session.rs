//! The connection for streams to one peer, opened with the first stream.

use std::collections::VecDeque;
use std::io::Error;
use std::sync::Arc;
use std::task::{Context, Poll};

use guildhall_core::env::ConnIo;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status};
use guildhall_link::{Endpoint, dial};
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};

use super::StreamConfig;

/// A stream as yamux makes it.
pub(super) type Raw = Compat<yamux::Stream>;
type Connection = yamux::Connection<Compat<ConnIo>>;
type Opening = oneshot::Sender<Result<Raw, Status>>;

pub(super) struct Session {
    open: mpsc::Sender<Opening>,
}

impl Session {
    /// Dials `address` and keeps the connection until it ends, or no stream can be opened on it any more.
    pub(super) fn begin(
        endpoint: &Arc<Endpoint>,
        config: &StreamConfig,
        address: String,
    ) -> Arc<Self> {
        let (open, openings) = mpsc::channel(config.opening_max);
        let task = drive(Arc::clone(endpoint), config.yamux(), address, openings);
        endpoint.env.spawn("streams", task);
        Arc::new(Self { open })
    }

    pub(super) fn ended(&self) -> bool {
        self.open.is_closed()
    }

    pub(super) async fn open(&self) -> Result<Raw, Status> {
        let (opening, opened) = oneshot::channel();
        self.open.try_send(opening).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                let why = "too many streams wait for their connection (stream.opening_max)";
                Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why)
            }
            mpsc::error::TrySendError::Closed(_) => lost("the connection has ended"),
        })?;
        opened.await.unwrap_or_else(|_| Err(lost("the connection has ended")))
    }
}

async fn drive(
    endpoint: Arc<Endpoint>,
    config: yamux::Config,
    address: String,
    mut openings: mpsc::Receiver<Opening>,
) {
    let opened = match dial(&endpoint, &address, true).await {
        Ok(opened) => opened,
        Err(error) => {
            openings.close();
            while let Some(opening) = openings.recv().await {
                let _gone = opening.send(Err(lost(&error.to_string())));
            }
            return;
        }
    };
    let io = opened.socket.into_io().compat();
    let mut connection = yamux::Connection::new(io, config, yamux::Mode::Client);
    let mut waiting = VecDeque::new();
    let ended = std::future::poll_fn(|cx| step(cx, &mut connection, &mut openings, &mut waiting));
    let error = ended.await;
    tracing::debug!(peer = %opened.record.id, %error, "stream connection closed");
}

/// Opens what is asked for, and moves the bytes of all streams. Ready when the connection has ended.
fn step(
    cx: &mut Context<'_>,
    connection: &mut Connection,
    openings: &mut mpsc::Receiver<Opening>,
    waiting: &mut VecDeque<Opening>,
) -> Poll<Error> {
    loop {
        while waiting.is_empty() {
            match openings.poll_recv(cx) {
                Poll::Ready(Some(opening)) => waiting.push_back(opening),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        waiting.retain(|opening| !opening.is_closed());
        if !waiting.is_empty()
            && let Poll::Ready(opened) = connection.poll_new_outbound(cx)
        {
            let opened = opened.map(|stream| stream.compat());
            let opened = opened.map_err(|error| lost(&error.to_string()));
            if let Some(opening) = waiting.pop_front() {
                let _gone = opening.send(opened);
            }
            continue;
        }
        return match connection.poll_next_inbound(cx) {
            // The acceptor opens none: that would be a call against the link's direction.
            Poll::Ready(Some(Ok(_dropped))) => continue,
            Poll::Ready(Some(Err(error))) => Poll::Ready(Error::other(error)),
            Poll::Ready(None) => Poll::Ready(Error::other("the peer closed")),
            Poll::Pending => Poll::Pending,
        };
    }
}

fn lost(why: &str) -> Status {
    let status = Status::new(Code::Unavailable, format!("no stream was opened: {why}"));
    status.with_reason(reason::LOST).with_effect(Effect::NotRun)
}
