//! The serving end of a link: frames in, handlers begun in place, replies out in one write per batch.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::env::{Instant, Listener};
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Model};
use guildhall_wire::Head;
use guildhall_wire::frame::{Frame, Header, LinkKind, Parsed, parse, put_raw, time_left_from_aux};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::alive::{Alive, Heartbeat};
use super::open::accept;
use super::socket::Socket;
use crate::app::AppInner;
use crate::command::{self, Cause};
use crate::counters::{Answered, ServedMeters};
use crate::cx::Cx;
use crate::reply::{Replies, ReplyPort};
use crate::service::{Body, HandlerFuture, Served};
use crate::trace;

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
                let worker = app.workers.next();
                app.env.clone().spawn_on(&worker, "link-serve", async move {
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
    replies: Arc<Replies>,
    running: Arc<Running>,
}

/// Handlers that wait for something, so that a CANCEL and the end of the link can drop them.
#[derive(Default)]
struct Running(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_id: BTreeMap<Id, AbortHandle>,
    casts: u64,
}

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    /// A call, by the caller's id.
    Call(u64),
    /// A cast: those have no id, so each gets a number here. Nobody cancels it.
    Cast(u64),
}

impl Table {
    fn id(&mut self, header: &Header<LinkKind>) -> Id {
        if header.kind == LinkKind::Call {
            return Id::Call(header.id);
        }
        self.casts += 1;
        Id::Cast(self.casts)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.replies.close();
        for handler in std::mem::take(&mut self.running.0.lock().by_id).into_values() {
            handler.abort();
        }
    }
}

/// Serves the calls of one link until it ends.
pub(super) async fn serve(app: Arc<AppInner>, mut socket: Socket, caller: Option<AppId>) {
    let _accepted = app.counters.links_accepted.hold();
    let replies = Replies::new(&app);
    let out = &replies.out;
    let serving = Serving { replies: Arc::clone(&replies), running: Arc::default(), app, caller };
    let mut told = false;
    // The caller asks when it hears nothing, so silence means that it is gone.
    let mut alive =
        Alive::new(&serving.app.env, Duration::from_millis(serving.app.links.ping_ms * 2));
    let mut look = std::pin::pin!(serving.app.env.sleep_until(alive.next()));
    let (mut writing, mut chunk) = (BytesMut::new(), BytesMut::new());
    let mut answered = Answered::default();
    loop {
        tokio::select! {
            biased;
            read = socket.read() => {
                if read.is_err() {
                    return;
                }
                alive.heard(&serving.app.env);
                let taken = serving.take(&mut socket.input, &mut chunk).await;
                if let Err(error) = taken {
                    tracing::warn!(peer = ?serving.caller, error, "a link broke the protocol");
                    return;
                }
            }
            () = out.ready() => tokio::task::yield_now().await,
            () = look.as_mut() => {
                if alive.look(&serving.app.env) == Heartbeat::Lost {
                    return;
                }
                look.set(serving.app.env.sleep_until(alive.next()));
            }
            () = serving.app.going.cancelled(), if !told => {
                told = true;
                let goaway = Header::new(LinkKind::Goaway, 0);
                let max = serving.app.links.frame_max;
                let _full = out.put(|out| put_raw(out, max, goaway, None, &[]));
            }
        }
        replies.take(&mut writing, &mut answered);
        if socket.write(&mut writing).await.is_err() {
            return;
        }
    }
}

/// The head of a call or cast, and how long it may take.
pub(crate) fn request_head(
    frame: &Frame<'_, LinkKind>,
) -> Result<(Option<Head>, Duration), String> {
    let head = match frame.head {
        [] => None,
        _ => Some(frame.decode_head().map_err(|e| format!("a head: {e}"))?),
    };
    let left = time_left_from_aux(frame.header.aux).unwrap_or_else(|| {
        Duration::from_millis(head.as_ref().map_or(0, |head| head.time_left_ms))
    });
    Ok((head, left))
}

impl Serving {
    /// Begins all calls that have arrived whole.
    async fn take(&self, input: &mut BytesMut, chunk: &mut BytesMut) -> Result<(), String> {
        let (max, now) = (self.app.links.frame_max, self.app.env.now());
        let mut at = 0;
        while let Parsed::Frame(frame) =
            parse::<LinkKind>(&input[at..], max).map_err(|e| e.to_string())?
        {
            let Header { kind, id, .. } = frame.header;
            let begun = match kind {
                LinkKind::Call => self.begin(&frame, now, true, chunk)?,
                LinkKind::Cast => self.begin(&frame, now, false, chunk)?,
                LinkKind::Cancel => {
                    match self.running.0.lock().by_id.remove(&Id::Call(id)) {
                        Some(handler) => handler.abort(),
                        None => self.replies.cancel(id, self.app.links.running_max),
                    }
                    None
                }
                LinkKind::Ping => {
                    let pong = Header::new(LinkKind::Pong, id);
                    let _full = self.replies.out.put(|out| put_raw(out, max, pong, None, &[]));
                    None
                }
                LinkKind::Pong => None,
                LinkKind::Reply | LinkKind::Error | LinkKind::Goaway => {
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

    fn begin(
        &self,
        frame: &Frame<'_, LinkKind>,
        now: Instant,
        wants_reply: bool,
        chunk: &mut BytesMut,
    ) -> Result<Option<HandlerFuture>, String> {
        let Header { method, id, .. } = frame.header;
        let (mut head, left) = request_head(frame)?;
        let served = self.app.services.get(method);
        let meter = served.map_or(ServedMeters::UNKNOWN, Served::meter);
        let span = trace::of_arrival(&self.app, &mut head, served.map(Served::method));
        let reply = if wants_reply {
            ReplyPort::link(&self.replies, id, meter, now, span)
        } else {
            self.app.services.meters.came(meter);
            ReplyPort::none(span)
        };
        if left.is_zero() {
            let why = "the deadline was over when the request arrived";
            reply.refuse(Code::DeadlineExceeded, reason::EXPIRED, why);
            return Ok(None);
        }
        if self.running.0.lock().by_id.len() >= self.app.links.running_max {
            self.app.counters.overloaded.add(1);
            let why = "this link has too many calls and casts running (link.running_max)";
            reply.refuse(Code::ResourceExhausted, reason::OVERLOADED, why);
            return Ok(None);
        }
        let Some(served) = served else {
            let why = format!("this app serves no method {method:#010x}");
            reply.refuse(Code::Unimplemented, reason::NO_SUCH_METHOD, why);
            return Ok(None);
        };
        // Actors have records of what they have run; who has none can only be careful.
        let session = head.as_ref().and_then(|head| head.session.as_ref());
        if session.is_some_and(|session| {
            served.method().model != Model::Actor && command::may_have_run(session, served.method())
        }) {
            reply.send::<()>(Err(command::unknown(served.method())));
            return Ok(None);
        }
        // A call from within sees the resources that its caller sees.
        let given =
            head.as_ref().filter(|_| self.caller.is_none()).map_or(0, |head| head.resources);
        let resources = if given == 0 { self.app.reloads.resources.version() } else { given };
        let cx = Cx {
            app: Arc::clone(&self.app),
            // A deadline past the end of time is no deadline.
            deadline: now.checked_add(left),
            caller: self.caller.clone(),
            cause: Cause::of(head.as_ref()),
            head: head.map(Arc::new),
            is_command: false,
            turn: None,
            cancel: reply.cancel(),
            in_call: true,
            resources,
            snapshot: OnceLock::new(),
        };
        Ok(served.dispatch(cx, Body { bytes: frame.body, chunk }, reply))
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
        let running = Arc::clone(&self.running);
        // Held while the table is filled, so that a handler that ends at once does not end before it is in there.
        let mut table = self.running.0.lock();
        let id = table.id(header);
        if table.by_id.contains_key(&id) {
            return Err(format!("two calls with the id {:#x} run at a time", header.id));
        }
        let task = self.app.env.spawn("handler", async move {
            handler.await;
            running.0.lock().by_id.remove(&id);
        });
        table.by_id.insert(id, task.abort_handle());
        Ok(())
    }
}
