//! Where the reply to a call goes: exactly one, whatever becomes of the handler.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use guildhall_core::env::Instant;
use guildhall_core::hash::IdHasher;
use guildhall_core::rpc::RawBody;
use guildhall_core::status::{Detail, reason};
use guildhall_core::{Code, Effect, Status};
use guildhall_wire::frame::{
    Header, LinkKind, call_id_parts, error_aux, error_from_aux, put_frame,
};
use guildhall_wire::{StatusBody, TooLarge};
use parking_lot::Mutex;
use prost::Message;

use crate::app::AppInner;
use crate::counters::Answered;
use crate::limits::Ticket;
use crate::out::Out;
use crate::trace::OpenSpan;

/// The replies of one connection, and which of its calls nobody waits for any more.
pub(crate) struct Replies {
    pub(crate) out: Out,
    app: Arc<AppInner>,
    /// By slot of the call's id, so that there are never more than the caller has slots.
    cancelled: Mutex<HashMap<u32, u32, BuildHasherDefault<IdHasher>>>,
}

impl Replies {
    pub(crate) fn new(app: &Arc<AppInner>) -> Arc<Self> {
        Arc::new(Self {
            out: Out::new(app.links.queued_max, &app.counters.queued_bytes),
            app: Arc::clone(app),
            cancelled: Mutex::default(),
        })
    }

    /// Takes the replies that are queued, and counts them.
    pub(crate) fn take(&self, bytes: &mut BytesMut, answered: &mut Answered) {
        self.out.take(bytes, answered);
        self.app.services.meters.answered(answered, &self.app.env);
    }

    /// From now on nothing is sent.
    pub(crate) fn close(&self) {
        self.app.services.meters.answered(&mut self.out.close(), &self.app.env);
    }

    /// Notes that nobody waits for the reply of this call. At most `slots_max` are noted.
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
}

impl std::fmt::Debug for Replies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replies").field("out", &self.out).finish_non_exhaustive()
    }
}

/// Tells whether anybody still waits for the reply to a call.
#[derive(Clone, Debug)]
pub(crate) struct Cancel {
    replies: Arc<Replies>,
    id: u64,
}

impl Cancel {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.replies.is_cancelled(self.id)
    }
}

/// Where the reply to a call goes. Dropped without one, the caller is told so.
#[derive(Debug)]
pub struct ReplyPort {
    port: Option<Port>,
    /// Ends with this.
    span: Option<OpenSpan>,
    /// Of a call that has limits.
    ticket: Option<Box<Ticket>>,
}

#[derive(Debug)]
struct Port {
    replies: Arc<Replies>,
    id: u64,
    /// Where the call is counted.
    meter: usize,
    arrived: Instant,
}

impl ReplyPort {
    /// For casts.
    pub(crate) fn none(span: Option<OpenSpan>) -> Self {
        Self { port: None, span, ticket: None }
    }

    pub(crate) fn link(
        replies: &Arc<Replies>,
        id: u64,
        meter: usize,
        arrived: Instant,
        span: Option<OpenSpan>,
    ) -> Self {
        replies.app.in_flight.begin();
        let port = Some(Port { replies: Arc::clone(replies), id, meter, arrived });
        Self { port, span, ticket: None }
    }

    /// Sends the reply, encoded straight into what waits for the socket.
    pub fn send<M: Message>(mut self, result: Result<M, Status>) {
        if let Some(span) = &mut self.span {
            span.set(result.as_ref().err().map_or(Code::Ok, Status::code));
        }
        if let Some(ticket) = &mut self.ticket {
            ticket.end(result.as_ref().err());
        }
        let Some(port) = self.port.take() else { return };
        match result {
            Ok(message) => port.send(&message),
            Err(status) => port.fail(&status),
        }
    }

    /// Sends a reply that is encoded already.
    pub(crate) fn send_encoded(self, result: Result<Bytes, Status>) {
        match result {
            Ok(body) => self.send(Ok(RawBody::new(&body))),
            Err(status) => self.send::<()>(Err(status)),
        }
    }

    /// Whether anybody gets the reply: a cast has nobody.
    pub(crate) fn is_wanted(&self) -> bool {
        self.port.is_some()
    }

    /// The call has passed its limits: they count it until it ends.
    pub(crate) fn carry(&mut self, ticket: Ticket) {
        self.ticket = Some(Box::new(ticket));
    }

    /// Refuses the call: it has not run.
    pub(crate) fn refuse(self, code: Code, reason: u32, why: impl Into<Cow<'static, str>>) {
        self.send::<()>(Err(Status::not_run(code, reason, why)));
    }

    pub(crate) fn cancel(&self) -> Option<Cancel> {
        let port = self.port.as_ref()?;
        Some(Cancel { replies: Arc::clone(&port.replies), id: port.id })
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.port.as_ref().is_some_and(|port| port.replies.is_cancelled(port.id))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.replies.app.in_flight.end();
    }
}

impl Port {
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
        let Replies { out, app, .. } = &*self.replies;
        let put = out.put_answer(|out, answered| {
            let put = put_frame(out, app.links.frame_max, header, None, body);
            if put.is_ok() {
                answered.add(self.meter, code, self.arrived);
            }
            put
        });
        put.unwrap_or_else(|_refused| {
            let mut answered = Answered::default();
            answered.add(self.meter, code, self.arrived);
            app.services.meters.answered(&mut answered, &app.env);
            Ok(())
        })
    }
}

impl Drop for ReplyPort {
    fn drop(&mut self) {
        if let Some(port) = self.port.take() {
            let status = Status::new(Code::Cancelled, "the handler was dropped before its end");
            port.fail(&status.with_reason(reason::CANCELLED));
        }
    }
}

pub(crate) fn status_body(status: &Status) -> StatusBody {
    let detail =
        |d: &Detail| guildhall_wire::Detail { r#type: d.kind.clone(), value: d.value.clone() };
    StatusBody {
        message: status.message().to_owned(),
        reason: status.reason(),
        details: status.details().iter().map(detail).collect(),
    }
}

/// The status that an ERROR frame carries.
pub(crate) fn status_from_frame(aux: u16, body: &[u8]) -> Status {
    let (code, effect) = error_from_aux(aux);
    let body = StatusBody::decode(body).unwrap_or_default();
    let status = Status::new(Code::from_number(code), body.message)
        .with_reason(body.reason)
        .with_effect(Effect::from_number(effect));
    let details = body.details.into_iter();
    details.fold(status, |status, d| status.with_detail(Detail { kind: d.r#type, value: d.value }))
}
