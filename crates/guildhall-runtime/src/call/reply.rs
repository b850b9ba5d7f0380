//! [`ReplyPort`]: the destination of a call's reply, and observers of the call's end.

use std::borrow::Cow;

use bytes::Bytes;
use guildhall_core::rpc::RawBody;
use guildhall_core::{Code, Status};
use guildhall_link::Cancel;
use prost::Message;

use crate::observe::trace::OpenSpan;

/// Where the reply to a call goes. Dropped without one, the caller gets an error that says so.
#[derive(Debug)]
pub struct ReplyPort {
    port: guildhall_link::ReplyPort,
    /// Ends with this.
    span: Option<OpenSpan>,
    /// Of a call that has limits.
    ticket: Option<Box<dyn Ticket>>,
}

/// What a call carries to its end: limits count it as long as this lives.
pub(crate) trait Ticket: std::fmt::Debug + Send {
    /// The call has ended, with this error if there is one.
    fn end(&mut self, status: Option<&Status>);
}

impl ReplyPort {
    pub(crate) fn new(port: guildhall_link::ReplyPort, span: Option<OpenSpan>) -> Self {
        Self { port, span, ticket: None }
    }

    /// For casts.
    pub(crate) fn none() -> Self {
        Self::new(guildhall_link::ReplyPort::none(), None)
    }

    /// Sends the reply, encoded straight into what waits for the socket.
    pub fn send<M: Message>(self, result: Result<M, Status>) {
        let Self { port, mut span, mut ticket } = self;
        if let Some(span) = &mut span {
            span.set(result.as_ref().err().map_or(Code::Ok, Status::code));
        }
        if let Some(ticket) = &mut ticket {
            ticket.end(result.as_ref().err());
        }
        port.send(result);
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
        self.port.is_wanted()
    }

    /// The call has passed its limits: they count it until it ends.
    pub(crate) fn carry(&mut self, ticket: Box<dyn Ticket>) {
        self.ticket = Some(ticket);
    }

    /// Refuses the call: it has not run.
    pub(crate) fn refuse(self, code: Code, reason: u32, why: impl Into<Cow<'static, str>>) {
        self.send::<()>(Err(Status::not_run(code, reason, why)));
    }

    pub(crate) fn cancel(&self) -> Option<Cancel> {
        self.port.cancel()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.port.is_cancelled()
    }
}
