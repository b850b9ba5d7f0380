//! The request of a call on its way to a handler: encoded, in the slot of a call from this app to itself, or in the hands of the
//! turn that it has begun. And the reply of a turn.

use std::sync::Arc;

use bytes::Bytes;
use prost::{DecodeError, Message};

use super::exchange::Exchange;
use crate::call::any_slot::AnySlot;

/// The request of a call. The default is an empty message.
pub struct Request(Form);

impl Default for Request {
    fn default() -> Self {
        Self(Form::Encoded(Bytes::new()))
    }
}

enum Form {
    Encoded(Bytes),
    Placed(Arc<dyn AnySlot>),
    Held(Box<dyn Exchange>),
}

/// The reply of a turn.
pub struct Reply(pub(crate) ReplyForm);

pub(crate) enum ReplyForm {
    /// Encoded; empty where it is in the slot that the request came in.
    Encoded(Bytes),
    /// In what the request came in.
    Held(Box<dyn Exchange>),
}

impl Request {
    pub(crate) fn placed(slot: Arc<dyn AnySlot>) -> Self {
        Self(Form::Placed(slot))
    }

    pub(crate) fn held(exchange: Box<dyn Exchange>) -> Self {
        Self(Form::Held(exchange))
    }

    /// The request as a message: moved out where it has this type, decoded otherwise.
    pub(crate) fn take<Req: Message + Default + 'static>(&mut self) -> Result<Req, DecodeError> {
        if let Some(held) = self.take_held() {
            return Ok(held);
        }
        match &mut self.0 {
            Form::Encoded(body) => Req::decode(std::mem::take(body)),
            Form::Placed(slot) => {
                let mut taken = None;
                slot.request(&mut |request| {
                    taken = request.downcast_mut::<Option<Req>>().and_then(Option::take);
                });
                taken.map_or_else(|| Req::decode(slot.encoded()), Ok)
            }
            Form::Held(exchange) => Req::decode(exchange.encoded()),
        }
    }

    /// The request, if it was moved here as this message.
    #[inline]
    pub(crate) fn take_held<Req: 'static>(&mut self) -> Option<Req> {
        match &mut self.0 {
            Form::Held(exchange) => exchange.request().downcast_mut::<Option<Req>>()?.take(),
            Form::Encoded(_) | Form::Placed(_) => None,
        }
    }

    /// The reply of the turn that the request has begun, as its caller takes it.
    pub(crate) fn reply<Rsp: Message + 'static>(self, reply: Rsp) -> Reply {
        let encoded = match self.0 {
            Form::Encoded(_) => Some(reply),
            Form::Placed(slot) => place(&*slot, reply),
            Form::Held(mut exchange) => match exchange.reply().downcast_mut::<Option<Rsp>>() {
                Some(place) => {
                    *place = Some(reply);
                    return Reply(ReplyForm::Held(exchange));
                }
                None => Some(reply),
            },
        };
        Reply::encoded(encoded)
    }

    /// Puts the reply into the call's slot; returned where there is none, or where the caller has another type.
    pub(crate) fn place<Rsp: 'static>(&self, reply: Rsp) -> Option<Rsp> {
        match &self.0 {
            Form::Placed(slot) => place(&**slot, reply),
            Form::Encoded(_) | Form::Held(_) => Some(reply),
        }
    }

    /// The encoded request.
    pub(crate) fn bytes(&self) -> Bytes {
        match &self.0 {
            Form::Encoded(body) => body.clone(),
            Form::Placed(slot) => slot.encoded(),
            Form::Held(exchange) => exchange.encoded(),
        }
    }
}

impl Reply {
    /// The bytes of a reply; none of one that is placed already.
    pub(crate) fn encoded<Rsp: Message>(reply: Option<Rsp>) -> Self {
        let bytes = reply.map(|reply| reply.encode_to_vec().into()).unwrap_or_default();
        Self(ReplyForm::Encoded(bytes))
    }
}

/// Puts a reply into a slot; returned where its caller has another type.
pub(crate) fn place<Rsp: 'static>(slot: &dyn AnySlot, reply: Rsp) -> Option<Rsp> {
    let mut reply = Some(reply);
    if !slot.encodes() {
        slot.reply(&mut |place| {
            if let Some(place) = place.downcast_mut::<Option<Rsp>>() {
                *place = reply.take();
            }
        });
    }
    reply
}

impl From<Bytes> for Request {
    fn from(body: Bytes) -> Self {
        Self(Form::Encoded(body))
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Form::Encoded(body) => f.debug_tuple("Encoded").field(&body.len()).finish(),
            Form::Placed(_) => f.write_str("Placed"),
            Form::Held(_) => f.write_str("Held"),
        }
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            ReplyForm::Encoded(body) => f.debug_tuple("Encoded").field(&body.len()).finish(),
            ReplyForm::Held(_) => f.write_str("Held"),
        }
    }
}
