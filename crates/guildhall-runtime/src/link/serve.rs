//! The serving end of a link: frames in, handlers begun in place, replies out in one write per batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::AppId;
use guildhall_core::env::{Instant, Listener};
use guildhall_core::status::reason;
use guildhall_core::{Code, Status};
use guildhall_wire::frame::{Frame, Header, LinkKind, Parsed, parse, put_raw, time_left_from_aux};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use super::open::accept;
use super::socket::Socket;
use crate::app::AppInner;
use crate::cx::Cx;
use crate::out::Out;
use crate::reply::ReplyPort;
use crate::service::HandlerFuture;

/// Accepts links until the app ends.
pub(crate) async fn listen(app: Arc<AppInner>, listener: Box<dyn Listener>) {
    let room = Arc::new(Semaphore::new(app.links.accepted_max));
    loop {
        match listener.accept().await {
            Ok(accepted) => {
                // Over the limit the connection is dropped at once: its peer sees it closed, and dials later.
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                    continue;
                };
                let (app, peer) = (Arc::clone(&app), accepted.peer);
                app.env.clone().spawn("link-serve", async move {
                    if let Err(error) = accept(app, accepted).await {
                        tracing::warn!(%peer, %error, "a link was refused");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, say: wait for better times.
                tracing::warn!(%error, "cannot accept");
                app.env.sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The calls of one link.
struct Serving {
    app: Arc<AppInner>,
    caller: Option<AppId>,
    out: Arc<Out>,
    running: Arc<Running>,
}

/// Handlers that wait for something, so that a CANCEL and the end of the link can drop them.
#[derive(Default)]
struct Running(Mutex<BTreeMap<u64, AbortHandle>>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.out.close();
        for handler in std::mem::take(&mut *self.running.0.lock()).into_values() {
            handler.abort();
        }
    }
}

/// Serves the calls of one link until it ends.
pub(super) async fn serve(app: Arc<AppInner>, mut socket: Socket, caller: Option<AppId>) {
    let out = Arc::new(Out::new(app.links.queued_max));
    let serving = Serving { out: Arc::clone(&out), running: Arc::default(), app, caller };
    let mut draining = serving.app.draining.subscribe();
    let mut told = false;
    let mut writing = BytesMut::new();
    loop {
        tokio::select! {
            biased;
            read = socket.read() => {
                if read.is_err() {
                    return;
                }
                let taken = serving.take(&mut socket.input).await;
                if let Err(error) = taken {
                    tracing::warn!(peer = ?serving.caller, error, "a link broke the protocol");
                    return;
                }
            }
            () = out.ready() => tokio::task::yield_now().await,
            () = begins(&mut draining), if !told => {
                told = true;
                let goaway = Header::new(LinkKind::Goaway, 0);
                let max = serving.app.links.frame_max;
                let _full = out.put(|out| put_raw(out, max, goaway, None, &[]));
            }
        }
        out.take(&mut writing);
        if socket.write(&mut writing).await.is_err() {
            return;
        }
    }
}

/// Waits until draining begins.
async fn begins(draining: &mut watch::Receiver<bool>) {
    if draining.wait_for(|draining| *draining).await.is_err() {
        // The app is gone, and this task goes with it.
        std::future::pending::<()>().await;
    }
}

impl Serving {
    /// Begins all calls that have arrived whole.
    async fn take(&self, input: &mut BytesMut) -> Result<(), String> {
        let (max, now) = (self.app.links.frame_max, self.app.env.now());
        let mut at = 0;
        while let Parsed::Frame(frame) =
            parse::<LinkKind>(&input[at..], max).map_err(|e| e.to_string())?
        {
            let Header { kind, id, .. } = frame.header;
            let begun = match kind {
                LinkKind::Call => self.begin(&frame, now, true)?,
                LinkKind::Cast => self.begin(&frame, now, false)?,
                LinkKind::Cancel => {
                    self.running.0.lock().remove(&id).inspect(AbortHandle::abort);
                    None
                }
                LinkKind::Ping => {
                    let pong = Header::new(LinkKind::Pong, id);
                    let _full = self.out.put(|out| put_raw(out, max, pong, None, &[]));
                    None
                }
                LinkKind::Pong => None,
                LinkKind::Reply | LinkKind::Error | LinkKind::Goaway => {
                    return Err(format!("{kind:?} came against the link's direction"));
                }
            };
            at += frame.len;
            if let Some(handler) = begun {
                self.run(id, handler).await;
            }
        }
        bytes::Buf::advance(input, at);
        Ok(())
    }

    fn begin(
        &self,
        frame: &Frame<'_, LinkKind>,
        now: Instant,
        wants_reply: bool,
    ) -> Result<Option<HandlerFuture>, String> {
        let Header { aux, method, id, .. } = frame.header;
        let left = match time_left_from_aux(aux) {
            Some(left) => left,
            None => {
                let head = frame.decode_head().map_err(|e| format!("a head: {e}"))?;
                Duration::from_millis(head.time_left_ms)
            }
        };
        let reply = if wants_reply {
            ReplyPort::link(Arc::clone(&self.out), id, self.app.links.frame_max)
        } else {
            ReplyPort::none()
        };
        if left.is_zero() {
            let why = "the deadline was over when the request arrived";
            reply.send::<()>(Err(Status::not_run(Code::DeadlineExceeded, reason::EXPIRED, why)));
            return Ok(None);
        }
        if self.running.0.lock().len() >= self.app.links.running_max {
            let why = "this link has too many calls running (link.running_max)";
            reply.send::<()>(Err(Status::not_run(
                Code::ResourceExhausted,
                reason::OVERLOADED,
                why,
            )));
            return Ok(None);
        }
        // A deadline past the end of time is no deadline.
        let cx = Cx {
            app: Arc::clone(&self.app),
            deadline: now.checked_add(left),
            caller: self.caller.clone(),
        };
        Ok(self.app.services.dispatch(cx, method, frame.body, reply))
    }

    /// Polls the handler in place; only one that has to wait gets a task.
    async fn run(&self, id: u64, mut handler: HandlerFuture) {
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(handler.as_mut().poll(cx)));
        if first.await.is_ready() {
            return;
        }
        let running = Arc::clone(&self.running);
        let in_flight = self.app.in_flight.clone();
        // Held while the table is filled, so that a handler that ends at once does not end before it is in there.
        let mut table = self.running.0.lock();
        let token = in_flight.token();
        let task = self.app.env.spawn("handler", async move {
            handler.await;
            running.0.lock().remove(&id);
            drop(token);
        });
        table.insert(id, task.abort_handle());
    }
}
