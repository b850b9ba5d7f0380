//! Calls of an app to itself: from the client to the dispatcher without a connection, under the rules that a connection has.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, MethodDesc, Status};
use guildhall_link::ServedMeters;
use guildhall_wire::Head;
use prost::Message;

use super::any_slot::AnySlot;
use super::arrive::{self, Arrived};
use super::body::Body;
use super::carried::Carried;
use super::cx::Cx;
use super::cx::service::{HandlerFuture, Served};
use super::key::{KeptKey, KeySlot};
use super::own_calls::{self, Nested, OwnCalls};
use super::reply::ReplyPort;
use super::request::Request;
use super::slot::{Came, Slot};
use super::spans;
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

/// Calls this app itself and waits for the reply. `home` is the slot of the actor, where that is known.
pub(crate) async fn call<C: Carried>(
    cx: &Cx,
    method: &'static MethodDesc,
    times: Times,
    head: Option<&Arc<Head>>,
    carried: &mut C,
    home: Option<KeySlot>,
) -> Result<Came<C::Rsp>, Status> {
    let own = &cx.core.own;
    own.admit()?;
    let (slot, begun) = begin(cx, method, times, head, carried, (home, true))?;
    let mut waiting = Waiting { own, slot: &*slot, at: None, answered: false };
    if let Some(handler) = begun {
        own_calls::in_place(own, handler, Some(&*slot)).await;
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
    if waiting.at.is_none() {
        // Nothing has made the caller wait: one that only makes such calls lets others run all the same.
        tokio::task::coop::consume_budget().await;
    }
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
            self.own.forget(at);
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
    head: Option<&Arc<Head>>,
    carried: &mut C,
    home: Option<KeySlot>,
) -> Result<(), Status> {
    let own = &cx.core.own;
    own.admit_cast()?;
    let (_, begun) = begin(cx, method, times, head, carried, (home, false))?;
    if let Some(handler) = begun {
        // Not in place: who casts may be in the middle of something.
        own_calls::spawn(own, handler, None);
    }
    Ok(())
}

type Begun<C> = (Arc<Slot<<C as Carried>::Req, <C as Carried>::Rsp>>, Option<HandlerFuture>);

/// Hands the request to the dispatcher.
fn begin<C: Carried>(
    cx: &Cx,
    method: &'static MethodDesc,
    times: Times,
    head: Option<&Arc<Head>>,
    carried: &mut C,
    (home, wants_reply): (Option<KeySlot>, bool),
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
        own.count_cast(meter);
        ReplyPort::cast(span)
    };
    let nested = if wants_reply { Nested::enter() } else { None };
    let mut chunk = BytesMut::new();
    let body = match &encoded {
        Some(bytes) => Body::Read(guildhall_link::Body { bytes, chunk: &mut chunk }),
        None => Body::Own(Request::placed(any()), key.text(), home),
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
        // An actor may run in place of a caller that waits.
        in_place: nested.as_ref().map(|_| times.now),
    };
    Ok((slot, arrive::serve(&cx.core, served, arrived, reply)))
}
