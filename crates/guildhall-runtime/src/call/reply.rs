//! [`ReplyPort`]: the destination of a call's reply, and observers of the call's end.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::rpc::RawBody;
use guildhall_core::status::reason;
use guildhall_core::{Code, Reason, Status};
use prost::Message;

use super::request::{Reply, ReplyForm, place};
use crate::call::any_slot::{AnySlot, End};
use crate::call::own_calls::OwnCalls;
use crate::observe::trace::OpenSpan;

/// Where the reply to a call goes. Dropped without one, the caller gets an error that says so.
#[derive(Debug)]
pub struct ReplyPort {
    port: Port,
    /// Ends with this.
    span: Option<OpenSpan>,
    /// Of a call that has limits.
    ticket: Option<Box<dyn Ticket>>,
}

#[derive(Debug)]
enum Port {
    Link(guildhall_link::ReplyPort),
    Own(OwnReply),
}

/// What a call carries to its end: limits count it as long as this lives.
pub(crate) trait Ticket: std::fmt::Debug + Send {
    /// The call has ended, with this error if there is one.
    fn end(&mut self, status: Option<&Status>);
}

impl ReplyPort {
    #[inline]
    pub(crate) fn new(port: guildhall_link::ReplyPort, span: Option<OpenSpan>) -> Self {
        Self { port: Port::Link(port), span, ticket: None }
    }

    /// Of a call from this app itself.
    pub(crate) fn own(slot: Arc<dyn AnySlot>, own: &OwnCalls, span: Option<OpenSpan>) -> Self {
        own.arrives();
        Self { port: Port::Own(OwnReply(Some(slot))), span, ticket: None }
    }

    /// Of a cast.
    pub(crate) fn cast(span: Option<OpenSpan>) -> Self {
        Self::new(guildhall_link::ReplyPort::none(), span)
    }

    /// Of a cast that makes no span.
    pub(crate) fn none() -> Self {
        Self::cast(None)
    }

    /// Sends the reply: encoded straight into what waits for the socket, or moved to a caller in this app.
    pub fn send<M: Message + 'static>(mut self, result: Result<M, Status>) {
        self.ends(result.as_ref().err());
        match self.port {
            Port::Link(port) => port.send(result),
            Port::Own(own) => own.send(result),
        }
    }

    /// Sends a reply that is encoded, or placed, already; the time, where it was looked at.
    pub(crate) fn send_encoded(mut self, result: Result<Bytes, Status>) -> Option<Instant> {
        self.ends(result.as_ref().err());
        match (self.port, result) {
            (Port::Link(port), Ok(body)) => port.send(Ok(RawBody::new(&body))),
            (Port::Link(port), Err(status)) => port.send::<()>(Err(status)),
            (Port::Own(own), result) => return own.send_encoded(result),
        }
        None
    }

    /// The reply of a turn, for [`ReplyPort::send_encoded`]: one that its turn holds is moved to where the caller waits.
    pub(crate) fn place(&self, reply: Reply) -> Bytes {
        match (reply.0, &self.port) {
            (ReplyForm::Encoded(body), _) => return body,
            (ReplyForm::Held(mut exchange), Port::Own(OwnReply(Some(slot)))) => {
                slot.reply(&mut |place| exchange.give(place));
            }
            // Only calls that wait in a slot hold their reply.
            (ReplyForm::Held(_), _) => {}
        }
        Bytes::new()
    }

    /// Leaves one that replies to nobody.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::none())
    }

    #[inline]
    fn ends(&mut self, status: Option<&Status>) {
        if let Some(span) = &mut self.span {
            span.set(status.map_or(Code::Ok, Status::code));
        }
        if let Some(ticket) = &mut self.ticket {
            ticket.end(status);
        }
    }

    /// Whether a caller waits for the reply: a cast has none.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        match &self.port {
            Port::Link(port) => port.is_wanted(),
            Port::Own(_) => true,
        }
    }

    /// The call has passed its limits: they count it until it ends.
    pub(crate) fn carry(&mut self, ticket: Box<dyn Ticket>) {
        self.ticket = Some(ticket);
    }

    /// Refuses the call: it has not run.
    pub(crate) fn refuse(self, code: Code, reason: Reason, why: impl Into<Cow<'static, str>>) {
        self.send::<()>(Err(Status::not_run(code, reason, why)));
    }

    #[inline]
    pub(crate) fn cancel(&self) -> Option<Cancel> {
        match &self.port {
            Port::Link(port) => port.cancel().map(Cancel::Link),
            Port::Own(own) => own.0.clone().map(Cancel::Own),
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        match &self.port {
            Port::Link(port) => port.is_cancelled(),
            Port::Own(own) => own.0.as_ref().is_some_and(|slot| slot.is_left()),
        }
    }
}

/// Tells whether anybody still waits for the reply to a call.
#[derive(Clone)]
pub(crate) enum Cancel {
    Link(guildhall_link::Cancel),
    Own(Arc<dyn AnySlot>),
    /// Of a turn that began in the poll of its caller.
    Turn(Arc<AtomicBool>),
}

impl Cancel {
    /// Whether nobody waits any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        match self {
            Self::Link(cancel) => cancel.is_cancelled(),
            Self::Own(slot) => slot.is_left(),
            Self::Turn(left) => left.load(Ordering::Acquire),
        }
    }
}

/// The reply to a call from this app itself; none when it was sent.
struct OwnReply(Option<Arc<dyn AnySlot>>);

impl OwnReply {
    fn send<M: Message + 'static>(mut self, result: Result<M, Status>) {
        let Some(slot) = self.0.take() else { return };
        slot.answer(match result {
            Ok(message) => match place(&*slot, message) {
                None => End::Placed,
                Some(message) => End::Encoded(message.encode_to_vec().into()),
            },
            Err(status) => End::Failed(status),
        });
    }

    fn send_encoded(mut self, result: Result<Bytes, Status>) -> Option<Instant> {
        let slot = self.0.take()?;
        Some(slot.answer(match result {
            Ok(_) if slot.has_reply() => End::Placed,
            Ok(body) => End::Encoded(body),
            Err(status) => End::Failed(status),
        }))
    }
}

impl Drop for OwnReply {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            let status = Status::new(Code::Cancelled, "the handler was dropped before its end");
            slot.answer(End::Failed(status.with_reason(reason::CANCELLED)));
        }
    }
}

impl std::fmt::Debug for OwnReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OwnReply").field(&self.0.is_some()).finish()
    }
}
