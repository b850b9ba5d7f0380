//! Calls of an app to itself: from the client to the handler without a connection, under the rules that a connection has.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::{Bytes, BytesMut};
use guildhall_core::rpc::find_key;
use guildhall_core::status::reason;
use guildhall_core::{Code, KeyText, MethodDesc, Model, Status};
use guildhall_link::ServedMeters;
use prost::Message;

use super::any_slot::AnySlot;
use super::arrive::{self, Arrived};
use super::body::Body;
use super::carried::Carried;
use super::cx::service::{Caller, Claim, HandlerFuture, Outcome, Served, Times, Wanted};
use super::exchange::{Exchange, exchange};
use super::key::{KeptKey, KeySlot};
use super::own_calls::{self, Nested, OwnCalls};
use super::reply::ReplyPort;
use super::request::{Reply, ReplyForm, Request};
use super::slot::{Came, Slot, reply_is};
use super::spans;
use crate::observe::trace::OpenSpan;

/// What becomes of a call whose actor may be idle.
pub(crate) enum AtOnce<C: Carried> {
    /// Its turn has ended.
    Replied(Result<Came<C::Rsp>, Status>),
    /// Its turn has begun.
    Waits(SlotOf<C>),
    /// It goes the way of all calls.
    Not,
}

type SlotOf<C> = Arc<Slot<<C as Carried>::Req, <C as Carried>::Rsp>>;

/// Calls an actor of this app that does nothing else, if calls to it are known to come here.
pub(crate) fn call_known<C: Carried>(wanted: &Wanted<'_>, carried: &mut C) -> AtOnce<C> {
    let core = &wanted.cx.core;
    let Some(served) = core.services.get(wanted.method.id) else { return AtOnce::Not };
    if wanted.times.now >= wanted.times.deadline || core.own.admit().is_err() {
        return AtOnce::Not;
    }
    let revision = core.mesh.revision();
    let is_here = |key: &str| served.comes_here(revision, key).is_some();
    // Bytes are not copied for a call that goes elsewhere.
    if C::IS_ENCODED && !carried.key().with_text(|key| key.is_ok_and(is_here)) {
        return AtOnce::Not;
    }
    at_once(wanted, served, carried, Lookup::IfHere(revision))
}

/// Where the actor of a call is.
#[derive(Clone, Copy)]
enum Lookup {
    /// In this app, if calls to its slot came here at this revision of the mesh.
    IfHere(u64),
    /// In this app, in this slot where that is known.
    Here(Option<KeySlot>),
}

impl Lookup {
    /// Claims the actor of a key.
    #[inline]
    fn claim(self, wanted: &Wanted<'_>, served: &Served, key: KeyText<'_>) -> Option<Claim> {
        key.with_text(|key| {
            let key = key.ok()?;
            let slot = match self {
                Self::IfHere(revision) => Some(served.comes_here(revision, key)?),
                Self::Here(slot) => slot,
            };
            served.claim(wanted, key, slot)
        })
    }
}

/// Calls this app itself and waits for the reply. `home` is the slot of the actor, where that is known.
pub(crate) async fn call<C: Carried>(
    wanted: &Wanted<'_>,
    carried: &mut C,
    home: Option<KeySlot>,
) -> Result<Came<C::Rsp>, Status> {
    let core = &wanted.cx.core;
    core.own.admit()?;
    let served = core.services.get(wanted.method.id);
    let begun = served.map(|served| at_once(wanted, served, carried, Lookup::Here(home)));
    match begun.unwrap_or(AtOnce::Not) {
        AtOnce::Replied(reply) => {
            lets_others_run().await;
            reply
        }
        AtOnce::Waits(slot) => wait(wanted, slot, None, carried).await,
        AtOnce::Not => {
            let (slot, handler) = begin(wanted, carried, home, true)?;
            let Some(slot) = slot else { return Err(nobody_waits()) };
            wait(wanted, slot, handler, carried).await
        }
    }
}

/// Waits for the reply of a call that has begun.
pub(crate) async fn wait<C: Carried>(
    wanted: &Wanted<'_>,
    slot: SlotOf<C>,
    handler: Option<HandlerFuture>,
    carried: &mut C,
) -> Result<Came<C::Rsp>, Status> {
    let own = &wanted.cx.core.own;
    let mut waiting = Waiting { own, slot: &*slot, at: None, answered: false };
    if let Some(handler) = handler {
        own_calls::in_place(own, handler, Some(&*slot)).await;
    }
    let reply = std::future::poll_fn(|task| {
        let polled = slot.poll(task);
        if polled.is_pending() && waiting.at.is_none() {
            waiting.at = own.wait(wanted.times.deadline, Arc::clone(&slot) as Arc<dyn AnySlot>);
        }
        polled
    })
    .await;
    waiting.answered = true;
    if waiting.at.is_none() {
        lets_others_run().await;
    }
    if reply.is_err() {
        carried.take_back(slot.take_back());
    }
    reply
}

/// Where nothing has made the caller wait: one that only makes such calls lets others run all the same.
pub(crate) async fn lets_others_run() {
    tokio::task::coop::consume_budget().await;
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

/// Calls an actor that does nothing else: its turn runs here.
fn at_once<C: Carried>(
    wanted: &Wanted<'_>,
    served: &Served,
    carried: &mut C,
    home: Lookup,
) -> AtOnce<C> {
    let Wanted { cx, method, times, head } = *wanted;
    let own = &cx.core.own;
    if method.model != Model::Actor || own.is_over_limit() {
        return AtOnce::Not;
    }
    if let Err(status) = fits(own, method, carried) {
        return AtOnce::Replied(Err(status));
    }
    let Some(_nested) = Nested::enter() else { return AtOnce::Not };
    let bytes = (C::IS_ENCODED || own.encodes).then(|| carried.encoded());
    let claim = match (&bytes, method.key) {
        (None, _) => home.claim(wanted, served, carried.key()),
        (Some(bytes), Some(field)) => {
            // The key in the bytes may be another one than that which has led here.
            let home = if let Lookup::Here(_) = home { Lookup::Here(None) } else { home };
            find_key(bytes, field).ok().and_then(|key| home.claim(wanted, served, key))
        }
        (Some(_), None) => None,
    };
    let Some(mut claim) = claim else { return AtOnce::Not };
    let mut arrived = None;
    let span = cx.core.tracer.as_ref().and_then(|_| {
        arrived = head.cloned();
        spans::of_arrival(&cx.core, &mut arrived, Some(method))
    });
    let head = if span.is_some() { arrived.as_ref() } else { head };
    // A turn with spans is not as simple as a plain call.
    claim.is_idle &= span.is_none();
    let wanted = &Wanted { head, ..*wanted };
    let meter = served.meter();
    let (slot, came) = (None, None);
    let mut caller = CallerOf { own, method, meter, times, carried, bytes, span, slot, came };
    let outcome = claim.actor.run(claim.service, claim.is_idle, wanted, &mut caller);
    match (outcome, caller.came, caller.slot) {
        (Outcome::Replied(took), Some(came), _) => {
            let code = came.as_ref().err().map_or(Code::Ok, Status::code);
            own.served_at_once(meter, code, took);
            AtOnce::Replied(came)
        }
        (Outcome::Waits, _, Some(slot)) => AtOnce::Waits(slot),
        (_, _, None) | (Outcome::Replied(_), None, _) => AtOnce::Replied(Err(nobody_waits())),
    }
}

/// The caller of an actor, while that runs.
struct CallerOf<'a, C: Carried> {
    own: &'a Arc<OwnCalls>,
    method: &'static MethodDesc,
    meter: usize,
    times: Times,
    carried: &'a mut C,
    /// The request, where it is encoded.
    bytes: Option<Bytes>,
    span: Option<OpenSpan>,
    slot: Option<SlotOf<C>>,
    came: Option<Result<Came<C::Rsp>, Status>>,
}

impl<C: Carried> Caller for CallerOf<'_, C> {
    fn request(&mut self, used: Option<Box<dyn Exchange>>) -> Request {
        match self.bytes.take() {
            Some(bytes) => bytes.into(),
            None => held::<C>(used, self.carried.give(self.method)),
        }
    }

    fn answer(&mut self, result: Result<Reply, Status>) -> Option<Box<dyn Exchange>> {
        let (came, size, used) = match result.map(|reply| reply.0) {
            Ok(ReplyForm::Held(mut exchange)) => {
                let mut reply: Option<C::Rsp> = None;
                exchange.give(&mut reply);
                let size = reply.as_ref().map_or(0, Message::encoded_len);
                exchange.clear();
                (reply.map(Came::Typed).ok_or_else(nobody_waits), size, Some(exchange))
            }
            Ok(ReplyForm::Encoded(body)) => {
                let size = body.len();
                (Ok(Came::Encoded(body)), size, None)
            }
            Err(status) => (Err(status), 0, None),
        };
        self.came = Some(self.own.fits(size).map_err(reply_is).and(came));
        used
    }

    fn waits(&mut self, left: &Arc<AtomicBool>) -> ReplyPort {
        let slot = self.slot_with(None, Some(Arc::clone(left)));
        ReplyPort::own(slot, self.own, None)
    }

    fn placed(&mut self) -> (Request, ReplyPort) {
        let (slot, request) = match self.bytes.take() {
            Some(bytes) => (self.slot_with(None, None), bytes.into()),
            None => {
                let request = self.carried.give(self.method);
                let slot = self.slot_with(request, None);
                (Arc::clone(&slot), Request::placed(slot))
            }
        };
        (request, ReplyPort::own(slot, self.own, self.span.take()))
    }
}

impl<C: Carried> CallerOf<'_, C> {
    fn slot_with(
        &mut self,
        request: Option<C::Req>,
        left: Option<Arc<AtomicBool>>,
    ) -> Arc<dyn AnySlot> {
        let slot = Arc::new(Slot::new(self.own, self.meter, self.times.now, request, left));
        self.slot = Some(Arc::clone(&slot));
        slot
    }
}

/// The request of a turn that nobody else looks at meanwhile.
fn held<C: Carried>(used: Option<Box<dyn Exchange>>, request: Option<C::Req>) -> Request {
    Request::held(exchange::<C::Req, C::Rsp>(used, request))
}

fn nobody_waits() -> Status {
    Status::new(Code::Internal, "nobody waits for the reply")
}

/// # Errors
/// The request is too large for a link, or was taken before.
fn fits<C: Carried>(own: &OwnCalls, method: &MethodDesc, carried: &C) -> Result<(), Status> {
    let Some(message) = carried.message() else {
        let why = format!("the request of {} was taken before", method.path);
        return Err(Status::not_run(Code::Internal, reason::BAD_REQUEST, why));
    };
    own.fits(message.encoded_len()).map_err(|too_large| {
        let why = format!("the request of {}: {too_large}", method.path);
        Status::not_run(Code::ResourceExhausted, reason::TOO_LARGE, why)
    })
}

/// Queues a request of this app to itself that wants no reply.
pub(crate) fn cast<C: Carried>(
    wanted: &Wanted<'_>,
    carried: &mut C,
    home: Option<KeySlot>,
) -> Result<(), Status> {
    let own = &wanted.cx.core.own;
    own.admit_cast()?;
    let (_, begun) = begin(wanted, carried, home, false)?;
    if let Some(handler) = begun {
        // Not in place: who casts may be in the middle of something.
        own_calls::spawn(own, handler, None);
    }
    Ok(())
}

/// Hands the request to the dispatcher.
fn begin<C: Carried>(
    wanted: &Wanted<'_>,
    carried: &mut C,
    home: Option<KeySlot>,
    wants_reply: bool,
) -> Result<(Option<SlotOf<C>>, Option<HandlerFuture>), Status> {
    let Wanted { cx, method, times, head } = *wanted;
    let own = &cx.core.own;
    fits(own, method, carried)?;
    let (served, mut head) = (cx.core.services.get(method.id), head.cloned());
    let meter = served.map_or(ServedMeters::UNKNOWN, Served::meter);
    let key = KeptKey::of(method, carried.key())?;
    let given = if own.encodes { None } else { carried.give(method) };
    let bytes = match &given {
        Some(_) => None,
        None => Some(carried.encoded()),
    };
    let span = spans::of_arrival(&cx.core, &mut head, served.map(Served::method));
    let (slot, request, reply) = match wants_reply {
        true => {
            let slot = Arc::new(Slot::new(own, meter, times.now, given, None));
            let any = || Arc::clone(&slot) as Arc<dyn AnySlot>;
            let (request, reply) = (Request::placed(any()), ReplyPort::own(any(), own, span));
            (Some(slot), request, reply)
        }
        false => {
            own.count_cast(meter);
            (None, held::<C>(None, given), ReplyPort::cast(span))
        }
    };
    let mut chunk = BytesMut::new();
    let body = match &bytes {
        Some(bytes) => Body::Read(guildhall_link::Body { bytes, chunk: &mut chunk }),
        None => Body::Own(request, key.text(), home),
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
