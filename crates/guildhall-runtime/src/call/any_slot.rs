//! [`AnySlot`]: the slot of a call from an app to itself, for code that does not name the types of request and reply.

use std::any::Any;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::{Code, Status};
use tokio::task::AbortHandle;

/// A [`Slot`](super::slot::Slot) of any types.
pub(crate) trait AnySlot: Send + Sync {
    /// Shows `look` the `Option<Req>` with the request.
    fn request(&self, look: &mut dyn FnMut(&mut dyn Any));
    /// The bytes of the request, for handlers of another type and for what is sent on; none when it was taken.
    fn encoded(&self) -> Bytes;
    /// Shows `look` the `Option<Rsp>` for the reply.
    fn reply(&self, look: &mut dyn FnMut(&mut dyn Any));
    /// Whether the reply is there.
    fn has_reply(&self) -> bool;
    /// Whether replies are to be encoded in any case.
    fn encodes(&self) -> bool;
    /// The handler's end of the call: counts it; returns the time.
    fn answer(&self, end: End) -> Instant;
    /// The caller's end of the call, unless it has ended.
    fn fail(&self, status: Status);
    /// The caller waits no more: a handler with a task is dropped.
    fn leave(&self);
    /// Whether the caller waits no more.
    fn is_left(&self) -> bool;
    /// The handler has become a task.
    fn runs(&self, handler: AbortHandle);
}

/// How a call has ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The reply is in the slot.
    Placed,
    /// The reply, encoded: server and client have different types, or an actor keeps a record of it.
    Encoded(Bytes),
    Failed(Status),
}

impl End {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Placed | Self::Encoded(_) => Code::Ok,
            Self::Failed(status) => status.code(),
        }
    }
}
