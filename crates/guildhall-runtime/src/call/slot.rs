//! The slot of a call from an app to itself: the request waits in it for the handler, and the reply for the caller. It is the one
//! allocation of such a call, and nothing is encoded where client and server have the same types.
//!
//! Request and reply are moved in and out: neither side sees what the other does with its own.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status};
use guildhall_wire::TooLarge;
use parking_lot::Mutex;
use prost::Message;
use tokio::task::AbortHandle;

use super::any_slot::{AnySlot, End};
use super::own_calls::OwnCalls;

/// A request and what becomes of it.
pub(crate) struct Slot<Req, Rsp> {
    own: Arc<OwnCalls>,
    /// Where the call is counted.
    meter: usize,
    arrived: Instant,
    /// The caller waits no more.
    left: AtomicBool,
    inner: Mutex<Inner<Req, Rsp>>,
}

struct Inner<Req, Rsp> {
    /// Until the handler takes it.
    request: Option<Req>,
    /// The value that [`End::Placed`] is about.
    reply: Option<Rsp>,
    end: Option<End>,
    waker: Option<Waker>,
    /// The handler's task, where it has one.
    handler: Option<AbortHandle>,
    /// Of a turn that has begun without this slot: what its context looks at.
    also_left: Option<Arc<AtomicBool>>,
}

/// A reply as its caller finds it.
#[derive(Debug)]
pub(crate) enum Came<Rsp> {
    Typed(Rsp),
    Encoded(Bytes),
}

impl<Req, Rsp> Slot<Req, Rsp> {
    pub(crate) fn new(
        own: &Arc<OwnCalls>,
        meter: usize,
        arrived: Instant,
        request: Option<Req>,
        also_left: Option<Arc<AtomicBool>>,
    ) -> Self {
        let inner =
            Inner { request, reply: None, end: None, waker: None, handler: None, also_left };
        let (left, inner) = (AtomicBool::new(false), Mutex::new(inner));
        Self { own: Arc::clone(own), meter, arrived, left, inner }
    }

    /// The reply, when there is one.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Result<Came<Rsp>, Status>> {
        let mut inner = self.inner.lock();
        match inner.end.take() {
            None => {
                match &mut inner.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    waker => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            Some(End::Placed) => Poll::Ready(match inner.reply.take() {
                Some(reply) => Ok(Came::Typed(reply)),
                None => Err(Status::new(Code::Internal, "the reply was taken before")),
            }),
            Some(End::Encoded(body)) => Poll::Ready(Ok(Came::Encoded(body))),
            Some(End::Failed(status)) => Poll::Ready(Err(status)),
        }
    }

    /// The request again, where no handler has taken it.
    pub(crate) fn take_back(&self) -> Option<Req> {
        self.inner.lock().request.take()
    }
}

impl<Req, Rsp> AnySlot for Slot<Req, Rsp>
where
    Req: Message + 'static,
    Rsp: Message + 'static,
{
    fn request(&self, look: &mut dyn FnMut(&mut dyn Any)) {
        look(&mut self.inner.lock().request);
    }

    fn encoded(&self) -> Bytes {
        let inner = self.inner.lock();
        inner.request.as_ref().map(|request| request.encode_to_vec().into()).unwrap_or_default()
    }

    fn reply(&self, look: &mut dyn FnMut(&mut dyn Any)) {
        look(&mut self.inner.lock().reply);
    }

    fn has_reply(&self) -> bool {
        self.inner.lock().reply.is_some()
    }

    fn encodes(&self) -> bool {
        self.own.encodes
    }

    fn answer(&self, end: End) -> Instant {
        let mut inner = self.inner.lock();
        let size = match &end {
            End::Placed => inner.reply.as_ref().map_or(0, Message::encoded_len),
            End::Encoded(body) => body.len(),
            End::Failed(_) => 0,
        };
        let end = match self.own.fits(size) {
            Ok(()) => end,
            Err(too_large) => End::Failed(reply_is(too_large)),
        };
        let now = self.own.answered(self.meter, end.code(), self.arrived);
        inner.handler = None;
        if inner.end.is_some() || self.is_left() {
            return now;
        }
        inner.end = Some(end);
        let waker = inner.waker.take();
        drop(inner);
        waker.into_iter().for_each(Waker::wake);
        now
    }

    fn fail(&self, status: Status) {
        let mut inner = self.inner.lock();
        if inner.end.is_some() {
            return;
        }
        inner.end = Some(End::Failed(status));
        let waker = inner.waker.take();
        drop(inner);
        self.leave();
        waker.into_iter().for_each(Waker::wake);
    }

    fn leave(&self) {
        let mut inner = self.inner.lock();
        self.left.store(true, Ordering::Release);
        let handler = inner.handler.take();
        if let Some(left) = &inner.also_left {
            left.store(true, Ordering::Release);
        }
        drop(inner);
        handler.inspect(AbortHandle::abort);
    }

    #[inline]
    fn is_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    fn runs(&self, handler: AbortHandle) {
        let mut inner = self.inner.lock();
        if self.is_left() {
            handler.abort();
        } else if inner.end.is_none() {
            inner.handler = Some(handler);
        }
    }
}

pub(super) fn reply_is(too_large: TooLarge) -> Status {
    let status = Status::new(Code::ResourceExhausted, format!("the reply: {too_large}"));
    status.with_reason(reason::TOO_LARGE).with_effect(Effect::Ran)
}
