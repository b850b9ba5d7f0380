//! Where the reply to a call goes: exactly one, whatever becomes of the handler.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::status::{Detail, reason};
use guildhall_core::{Code, Effect, Status};
use guildhall_wire::StatusBody;
use guildhall_wire::frame::{
    Header, LinkKind, call_id_parts, error_aux, error_from_aux, put_frame,
};
use parking_lot::Mutex;
use prost::Message;

use crate::config::LinkConfig;
use crate::limits::Ticket;
use crate::live_count::LiveCount;
use crate::out::Out;
use crate::raw::RawBody;
use crate::service::IdHasher;

/// The replies of one connection, and which of its calls nobody waits for any more.
#[derive(Debug)]
pub(crate) struct Replies {
    pub(crate) out: Out,
    frame_max: usize,
    in_flight: Arc<LiveCount>,
    /// By slot of the call's id, so that there are never more than the caller has slots.
    cancelled: Mutex<HashMap<u32, u32, BuildHasherDefault<IdHasher>>>,
}

impl Replies {
    pub(crate) fn new(links: &LinkConfig, in_flight: Arc<LiveCount>) -> Arc<Self> {
        Arc::new(Self {
            out: Out::new(links.queued_max),
            frame_max: links.frame_max,
            in_flight,
            cancelled: Mutex::default(),
        })
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
    /// Of a call that has limits.
    ticket: Option<Box<Ticket>>,
}

#[derive(Debug)]
struct Port {
    replies: Arc<Replies>,
    id: u64,
}

impl ReplyPort {
    /// For casts.
    pub(crate) fn none() -> Self {
        Self { port: None, ticket: None }
    }

    pub(crate) fn link(replies: &Arc<Replies>, id: u64) -> Self {
        replies.in_flight.begin();
        Self { port: Some(Port { replies: Arc::clone(replies), id }), ticket: None }
    }

    /// Sends the reply, encoded straight into what waits for the socket.
    pub fn send<M: Message>(mut self, result: Result<M, Status>) {
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
        self.replies.in_flight.end();
    }
}

impl Port {
    fn send<M: Message>(&self, message: &M) {
        let header = Header::new(LinkKind::Reply, self.id);
        let put = self
            .replies
            .out
            .put(|out| put_frame(out, self.replies.frame_max, header, None, message));
        if let Ok(Err(too_large)) = put {
            let status = Status::new(Code::ResourceExhausted, format!("the reply: {too_large}"));
            self.fail(&status.with_reason(reason::TOO_LARGE).with_effect(Effect::Ran));
        }
        // A peer that does not read its replies, or is gone, finds its calls failed at its end.
    }

    fn fail(&self, status: &Status) {
        let aux = error_aux(status.code() as u8, status.effect() as u8);
        let header = Header { aux, ..Header::new(LinkKind::Error, self.id) };
        let body = status_body(status);
        let put =
            self.replies.out.put(|out| put_frame(out, self.replies.frame_max, header, None, &body));
        if let Ok(Err(_)) = put {
            let short = StatusBody { reason: body.reason, ..StatusBody::default() };
            let _closed = self
                .replies
                .out
                .put(|out| put_frame(out, self.replies.frame_max, header, None, &short));
        }
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

fn status_body(status: &Status) -> StatusBody {
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
