//! Calls of an app to itself: from the client to the dispatcher without a connection, under the rules that a connection has.
//!
//! The bounds are those of one link: `link.pending_max`, `link.running_max`, and `link.frame_max` for bodies, so that a game behaves
//! the same when its apps are split.

mod run;
mod waits;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, MethodDesc, Status};
use guildhall_link::{Endpoint, ServedMeters};
use guildhall_wire::{Head, TooLarge};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::Notify;

use super::arrive::{self, Arrived};
use super::body::Body;
use super::carried::Carried;
use super::cx::Cx;
use super::cx::service::{HandlerFuture, Served};
use super::key::KeptKey;
use super::reply::ReplyPort;
use super::request::Request;
use super::slot::{AnySlot, Came, Slot};
use super::spans;
use waits::Waits;

/// The calls of an app to itself that wait for their reply, and how many handlers run for such calls and casts.
pub(crate) struct OwnCalls {
    endpoint: Arc<Endpoint>,
    waits: Mutex<Waits>,
    /// Woken when a deadline is earlier than the one that is waited for.
    earlier: Notify,
    /// Handlers that have a task.
    running: AtomicUsize,
    /// Whether requests and replies are encoded in any case, as on a link: for tests.
    pub(super) encodes: bool,
}

impl OwnCalls {
    pub(crate) fn new(endpoint: &Arc<Endpoint>, encodes: bool) -> Arc<Self> {
        let (waits, earlier) = (Mutex::default(), Notify::new());
        let (endpoint, running) = (Arc::clone(endpoint), AtomicUsize::new(0));
        Arc::new(Self { endpoint, waits, earlier, running, encodes })
    }

    /// The id of the app.
    pub(crate) fn peer(&self) -> &str {
        self.endpoint.id.as_str()
    }

    /// Calls that wait for their reply.
    pub(crate) fn waiting(&self) -> usize {
        self.waits.lock().live()
    }

    /// Whether a body is small enough for a link.
    pub(super) fn fits(&self, size: usize) -> Result<(), TooLarge> {
        let max = self.endpoint.config.frame_max;
        if size > max { Err(TooLarge { size, max }) } else { Ok(()) }
    }

    /// A call has arrived.
    pub(crate) fn arrives(&self) {
        self.endpoint.meters.in_flight.begin();
    }

    /// A call that has arrived has its answer: counts it.
    pub(super) fn answered(&self, meter: usize, code: Code, arrived: Instant) {
        let Endpoint { env, meters, .. } = &*self.endpoint;
        meters.served.answered_one(meter, code, arrived, env.now());
        meters.in_flight.end();
    }

    /// Fails calls at their deadlines until the app ends, and then all that wait.
    pub(crate) async fn drive(self: Arc<Self>) {
        let end = CloseOnDrop(self);
        let (own, env) = (&*end.0, &end.0.endpoint.env);
        loop {
            let next = own.waits.lock().earliest();
            let expiry = async {
                match next {
                    Some(deadline) => env.sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = own.earlier.notified() => {}
                () = expiry => {
                    let expired = own.waits.lock().expire(env.now());
                    for slot in expired {
                        let status = Status::new(Code::DeadlineExceeded, "no reply within the deadline");
                        slot.fail(status.with_reason(reason::EXPIRED));
                    }
                }
            }
        }
    }

    fn close(&self) {
        let waiting = self.waits.lock().close();
        waiting.into_iter().for_each(|slot| slot.fail(self.ended()));
    }

    fn ended(&self) -> Status {
        let why = format!("the app {} has ended", self.peer());
        Status::new(Code::Unavailable, why).with_reason(reason::LOST)
    }

    /// Whether one more call may wait.
    fn admit(&self) -> Result<(), Status> {
        let waits = self.waits.lock();
        if waits.is_closed() {
            return Err(self.ended().with_effect(Effect::NotRun));
        }
        let max = self.endpoint.config.pending_max;
        if waits.live() >= max {
            let why =
                format!("{max} calls of this app to itself wait for replies (link.pending_max)");
            return Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why));
        }
        Ok(())
    }

    /// The caller waits; its place among those that do.
    fn wait(&self, deadline: Instant, slot: Arc<dyn AnySlot>) -> Option<u32> {
        let mut waits = self.waits.lock();
        if waits.is_closed() {
            drop(waits);
            slot.fail(self.ended());
            return None;
        }
        let (at, is_earliest) = waits.open(deadline, slot);
        drop(waits);
        if is_earliest {
            self.earlier.notify_one();
        }
        Some(at)
    }

    fn is_over_limit(&self) -> bool {
        self.running.load(Ordering::Relaxed) >= self.endpoint.config.running_max
    }
}

/// Fails all calls when the task that keeps their deadlines ends, also when it is aborted.
struct CloseOnDrop(Arc<OwnCalls>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl std::fmt::Debug for OwnCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnCalls").field("peer", &self.peer()).finish_non_exhaustive()
    }
}

/// When a call or cast is made, and until when.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) now: Instant,
    pub(crate) deadline: Instant,
}

impl Times {
    pub(crate) fn left(self) -> Duration {
        self.deadline.saturating_duration_since(self.now)
    }
}

/// Calls this app itself and waits for the reply.
pub(crate) async fn call<C: Carried>(
    cx: &Cx,
    method: &'static MethodDesc,
    times: Times,
    head: Option<&Head>,
    carried: &mut C,
) -> Result<Came<C::Rsp>, Status> {
    let own = &cx.core.own;
    own.admit()?;
    let (slot, begun) = begin(cx, method, times, head, carried, true)?;
    let mut waiting = Waiting { own, slot: &*slot, at: None, answered: false };
    if let Some(handler) = begun {
        run::in_place(own, handler, Some(&*slot)).await;
    }
    let reply = std::future::poll_fn(|task| {
        let polled = slot.poll(task);
        if polled.is_pending() && waiting.at.is_none() {
            waiting.at = own.wait(times.deadline, Arc::clone(&slot) as Arc<dyn AnySlot>);
        }
        polled
    })
    .await;
    waiting.answered = true;
    if reply.is_err() {
        carried.take_back(slot.take_back());
    }
    reply
}

/// A call that waits. Dropped before its reply it cancels the call.
struct Waiting<'a> {
    own: &'a OwnCalls,
    slot: &'a dyn AnySlot,
    at: Option<u32>,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            self.own.waits.lock().close_at(at);
        }
        if !self.answered {
            self.slot.leave();
        }
    }
}

/// Queues a request of this app to itself that wants no reply.
pub(crate) fn cast<C: Carried>(
    cx: &Cx,
    method: &'static MethodDesc,
    times: Times,
    head: Option<&Head>,
    carried: &mut C,
) -> Result<(), Status> {
    let own = &cx.core.own;
    if own.waits.lock().is_closed() {
        return Err(own.ended().with_effect(Effect::NotRun));
    }
    let (_, begun) = begin(cx, method, times, head, carried, false)?;
    if let Some(handler) = begun {
        // Not in place: who casts may be in the middle of something.
        run::spawn(own, handler, None);
    }
    Ok(())
}

type Begun<C> = (Arc<Slot<<C as Carried>::Req, <C as Carried>::Rsp>>, Option<HandlerFuture>);

/// Hands the request to the dispatcher.
fn begin<C: Carried>(
    cx: &Cx,
    method: &'static MethodDesc,
    times: Times,
    head: Option<&Head>,
    carried: &mut C,
    wants_reply: bool,
) -> Result<Begun<C>, Status> {
    let own = &cx.core.own;
    let Some(message) = carried.message() else {
        let why = format!("the request of {} was taken before", method.path);
        return Err(Status::not_run(Code::Internal, reason::BAD_REQUEST, why));
    };
    if let Err(too_large) = own.fits(message.encoded_len()) {
        let why = format!("the request of {}: {too_large}", method.path);
        return Err(Status::not_run(Code::ResourceExhausted, reason::TOO_LARGE, why));
    }
    let (served, mut head) = (cx.core.services.get(method.id), head.cloned());
    let meter = served.map_or(ServedMeters::UNKNOWN, Served::meter);
    let key = KeptKey::of(method, carried.key())?;
    let given = if own.encodes { None } else { carried.give(method) };
    let encoded = match &given {
        Some(_) => None,
        None => carried.message().map(Message::encode_to_vec),
    };
    let slot = Arc::new(Slot::<C::Req, C::Rsp>::new(own, meter, times.now, given));
    let any = || Arc::clone(&slot) as Arc<dyn AnySlot>;
    let span = spans::of_arrival(&cx.core, &mut head, served.map(Served::method));
    let reply = if wants_reply {
        ReplyPort::own(any(), own, span)
    } else {
        own.endpoint.meters.served.count_cast(meter);
        ReplyPort::cast(span)
    };
    let mut chunk = BytesMut::new();
    let body = match &encoded {
        Some(bytes) => Body::Read(guildhall_link::Body { bytes, chunk: &mut chunk }),
        None => Body::Own(Request::placed(any()), key.text()),
    };
    let arrived = Arrived {
        method: method.id,
        head,
        left: times.left(),
        deadline: Some(times.deadline),
        caller: None,
        is_over_limit: own.is_over_limit(),
        resources: cx.resources,
        body,
    };
    Ok((slot, arrive::serve(&cx.core, served, arrived, reply)))
}
