//! The serving end of a link: frames in, handlers begun in place, replies out in one write per batch.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::AppId;
use guildhall_core::env::Instant;
use guildhall_wire::frame::{Frame, Header, LinkKind, Parsed, parse, put_raw};

use crate::alive::{Alive, Heartbeat};
use crate::dispatch::{Arrival, Dispatch, HandlerFuture};
use crate::endpoint::Endpoint;
use crate::meters::Answered;
use crate::reply::{Replies, ReplyPort};
use crate::running::{Id, Running};
use crate::socket::Socket;

/// The calls of one link.
struct Serving<D> {
    endpoint: Arc<Endpoint>,
    dispatch: Arc<D>,
    caller: Option<AppId>,
    replies: Arc<Replies>,
    running: Arc<Running>,
}

impl<D> Drop for Serving<D> {
    fn drop(&mut self) {
        self.replies.close();
        self.running.abort_all();
    }
}

/// Serves the calls of one link until it ends. The callee is told when that comes without a GOAWAY of the caller.
pub async fn serve<D: Dispatch>(
    endpoint: Arc<Endpoint>,
    dispatch: Arc<D>,
    mut socket: Socket,
    caller: Option<AppId>,
) {
    let _accepted = endpoint.meters.accepted.hold();
    let replies = Replies::new(&endpoint);
    let out = &replies.out;
    let running = Arc::default();
    let serving = Serving { replies: Arc::clone(&replies), running, endpoint, dispatch, caller };
    let Endpoint { env, config, going, .. } = &*serving.endpoint;
    let (mut told, mut leaves) = (false, false);
    // The caller asks when it hears nothing, so silence means that it is gone.
    let mut alive = Alive::new(env, Duration::from_millis(config.ping_ms * 2));
    let mut look = std::pin::pin!(env.sleep_until(alive.next()));
    let (mut writing, mut chunk) = (BytesMut::new(), BytesMut::new());
    let mut answered = Answered::default();
    loop {
        tokio::select! {
            biased;
            read = socket.read() => {
                if read.is_err() {
                    break;
                }
                alive.heard(env);
                let taken = serving.take_frames(&mut socket.input, &mut chunk, &mut leaves).await;
                if let Err(error) = taken {
                    tracing::warn!(peer = ?serving.caller, error, "link closed: protocol violation");
                    break;
                }
            }
            () = out.ready() => tokio::task::yield_now().await,
            () = look.as_mut() => {
                if alive.check(env) == Heartbeat::Lost {
                    break;
                }
                look.set(env.sleep_until(alive.next()));
            }
            () = going.cancelled(), if !told => {
                told = true;
                let goaway = Header::new(LinkKind::Goaway, 0);
                let _full = out.put(|out| put_raw(out, config.frame_max, goaway, None, &[]));
            }
        }
        replies.take_queued(&mut writing, &mut answered);
        if socket.write(&mut writing).await.is_err() {
            break;
        }
    }
    if let Some(caller) = serving.caller.as_ref().filter(|_| !leaves) {
        serving.dispatch.lost(caller);
    }
}

impl<D: Dispatch> Serving<D> {
    /// Begins all calls that have arrived whole.
    async fn take_frames(
        &self,
        input: &mut BytesMut,
        chunk: &mut BytesMut,
        leaves: &mut bool,
    ) -> Result<(), String> {
        let (max, now) = (self.endpoint.config.frame_max, self.endpoint.env.now());
        let mut at = 0;
        while let Parsed::Frame(frame) =
            parse::<LinkKind>(&input[at..], max).map_err(|e| e.to_string())?
        {
            let Header { kind, id, .. } = frame.header;
            let begun = match kind {
                LinkKind::Call => self.begin(&frame, now, true, chunk)?,
                LinkKind::Cast => self.begin(&frame, now, false, chunk)?,
                LinkKind::Cancel => {
                    if !self.running.abort(Id::Call(id)) {
                        self.replies.cancel(id, self.endpoint.config.running_max);
                    }
                    None
                }
                LinkKind::Ping => {
                    let pong = Header::new(LinkKind::Pong, id);
                    let _full = self.replies.out.put(|out| put_raw(out, max, pong, None, &[]));
                    None
                }
                LinkKind::Pong => None,
                LinkKind::Goaway => {
                    *leaves = true;
                    None
                }
                LinkKind::Reply | LinkKind::Error => {
                    return Err(format!("{kind:?} came against the link's direction"));
                }
            };
            at += frame.len;
            if let Some(handler) = begun {
                self.run(&frame.header, handler).await?;
            }
        }
        bytes::Buf::advance(input, at);
        Ok(())
    }

    #[inline]
    fn begin(
        &self,
        frame: &Frame<'_, LinkKind>,
        now: Instant,
        wants_reply: bool,
        chunk: &mut BytesMut,
    ) -> Result<Option<HandlerFuture>, String> {
        let arrival = Arrival {
            caller: self.caller.as_ref(),
            is_over_limit: self.running.len() >= self.endpoint.config.running_max,
            ..Arrival::parse(frame, now, chunk)?
        };
        let reply = match wants_reply {
            true => ReplyPort::link(&self.replies, frame.header.id, now),
            false => ReplyPort::none(),
        };
        Ok(self.dispatch.dispatch(arrival, reply))
    }

    /// Polls the handler in place; only one that has to wait gets a task.
    async fn run(
        &self,
        header: &Header<LinkKind>,
        mut handler: HandlerFuture,
    ) -> Result<(), String> {
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(handler.as_mut().poll(cx)));
        if first.await.is_ready() {
            return Ok(());
        }
        self.running.spawn(&self.endpoint.env, header, handler)
    }
}
