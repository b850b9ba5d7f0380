//! The destination of a call's reply, which gets exactly one.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use bytes::BytesMut;
use guildhall_core::env::Instant;
use guildhall_core::hash::IdHasher;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status};
use guildhall_wire::frame::{Header, LinkKind, call_id_parts, error_aux, put_frame};
use guildhall_wire::{StatusBody, TooLarge};
use parking_lot::Mutex;
use prost::Message;

use crate::endpoint::Endpoint;
use crate::meters::{Answered, ServedMeters};
use crate::out::Out;
use crate::status_frame::status_body;

/// The replies of one connection, and which of its calls were cancelled.
pub(crate) struct Replies {
    pub(crate) out: Out,
    endpoint: Arc<Endpoint>,
    /// By slot of the call's id, so that there are never more than the caller has slots.
    cancelled: Mutex<HashMap<u32, u32, BuildHasherDefault<IdHasher>>>,
}

impl Replies {
    pub(crate) fn new(endpoint: &Arc<Endpoint>) -> Arc<Self> {
        Arc::new(Self {
            out: Out::new(endpoint.config.queued_max, &endpoint.meters.queued_bytes),
            endpoint: Arc::clone(endpoint),
            cancelled: Mutex::default(),
        })
    }

    /// Takes the replies that are queued, and counts them.
    pub(crate) fn take_queued(&self, bytes: &mut BytesMut, answered: &mut Answered) {
        self.out.take_queued(bytes, answered);
        self.count(answered);
    }

    /// From now on nothing is sent.
    pub(crate) fn close(&self) {
        self.count(&mut self.out.close());
    }

    /// Notes that the caller has cancelled this call. At most `slots_max` are noted.
    pub(crate) fn cancel(&self, id: u64, slots_max: usize) {
        let (generation, slot) = call_id_parts(id);
        let mut cancelled = self.cancelled.lock();
        if cancelled.len() < slots_max || cancelled.contains_key(&slot) {
            cancelled.insert(slot, generation);
        }
    }

    fn is_cancelled(&self, id: u64) -> bool {
        let (generation, slot) = call_id_parts(id);
        self.out.is_closed() || self.cancelled.lock().get(&slot) == Some(&generation)
    }

    fn count(&self, answered: &mut Answered) {
        self.endpoint.meters.served.answered(answered, &self.endpoint.env);
    }
}

impl std::fmt::Debug for Replies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replies").field("out", &self.out).finish_non_exhaustive()
    }
}

/// Tells whether the caller still waits for the reply to a call.
#[derive(Clone, Debug)]
pub struct Cancel {
    replies: Arc<Replies>,
    id: u64,
}

impl Cancel {
    /// Whether the caller has stopped waiting, or its connection has ended.
    pub fn is_cancelled(&self) -> bool {
        self.replies.is_cancelled(self.id)
    }
}

/// Where the reply to a call goes. Dropped without one, the caller gets an error that says so.
#[derive(Debug)]
pub struct ReplyPort(To);

#[derive(Debug)]
enum To {
    /// A cast has no reply, or it was sent.
    Nobody,
    Link(Call),
}

/// A call that came over a link.
#[derive(Debug)]
struct Call {
    replies: Arc<Replies>,
    id: u64,
    /// Where the call is counted.
    meter: usize,
    arrived: Instant,
}

impl ReplyPort {
    /// For casts.
    #[inline]
    pub fn none() -> Self {
        Self(To::Nobody)
    }

    #[inline]
    pub(crate) fn link(replies: &Arc<Replies>, id: u64, arrived: Instant) -> Self {
        replies.endpoint.meters.in_flight.begin();
        let meter = ServedMeters::UNKNOWN;
        Self(To::Link(Call { replies: Arc::clone(replies), id, meter, arrived }))
    }

    /// Counts the call as one of this method of [`ServedMeters`].
    #[inline]
    pub fn count_as(&mut self, method: usize) {
        if let To::Link(call) = &mut self.0 {
            call.meter = method;
        }
    }

    /// Sends the reply, encoded straight into what waits for the socket.
    pub fn send<M: Message>(mut self, result: Result<M, Status>) {
        match (std::mem::replace(&mut self.0, To::Nobody), result) {
            (To::Nobody, _) => {}
            (To::Link(call), Ok(message)) => call.send(&message),
            (To::Link(call), Err(status)) => call.fail(&status),
        }
    }

    /// Whether a caller waits for the reply: a cast has none.
    #[inline]
    pub fn is_wanted(&self) -> bool {
        !matches!(self.0, To::Nobody)
    }

    /// What tells whether the caller still waits; none for a cast.
    #[inline]
    pub fn cancel(&self) -> Option<Cancel> {
        match &self.0 {
            To::Nobody => None,
            To::Link(call) => Some(Cancel { replies: Arc::clone(&call.replies), id: call.id }),
        }
    }

    /// Whether the caller waits no more; `false` for a cast.
    pub fn is_cancelled(&self) -> bool {
        match &self.0 {
            To::Nobody => false,
            To::Link(call) => call.replies.is_cancelled(call.id),
        }
    }
}

impl Drop for ReplyPort {
    fn drop(&mut self) {
        if let To::Link(call) = std::mem::replace(&mut self.0, To::Nobody) {
            let status = Status::new(Code::Cancelled, "the handler was dropped before its end");
            call.fail(&status.with_reason(reason::CANCELLED));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.replies.endpoint.meters.in_flight.end();
    }
}

impl Call {
    fn send<M: Message>(&self, message: &M) {
        let header = Header::new(LinkKind::Reply, self.id);
        if let Err(too_large) = self.put(Code::Ok, header, message) {
            let status = Status::new(Code::ResourceExhausted, format!("the reply: {too_large}"));
            self.fail(&status.with_reason(reason::TOO_LARGE).with_effect(Effect::Ran));
        }
    }

    fn fail(&self, status: &Status) {
        let aux = error_aux(status.code() as u8, status.effect() as u8);
        let header = Header { aux, ..Header::new(LinkKind::Error, self.id) };
        let body = status_body(status);
        if self.put(status.code(), header, &body).is_err() {
            let short = StatusBody { reason: body.reason, ..StatusBody::default() };
            let _fits = self.put(status.code(), header, &short);
        }
    }

    /// Queues the answer, unless it is too large. A peer that does not read its replies, or is gone, finds its calls failed at
    /// its end.
    fn put(
        &self,
        code: Code,
        header: Header<LinkKind>,
        body: &impl Message,
    ) -> Result<(), TooLarge> {
        let Replies { out, endpoint, .. } = &*self.replies;
        let put = out.put_answer(|out, answered| {
            let put = put_frame(out, endpoint.config.frame_max, header, None, body);
            if put.is_ok() {
                answered.add(self.meter, code, self.arrived);
            }
            put
        });
        put.unwrap_or_else(|_refused| {
            let mut answered = Answered::default();
            answered.add(self.meter, code, self.arrived);
            self.replies.count(&mut answered);
            Ok(())
        })
    }
}
