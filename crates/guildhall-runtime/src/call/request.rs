//! The request of a call on its way to a handler: encoded, or in the slot of a call from this app to itself.

use std::sync::Arc;

use bytes::Bytes;
use prost::{DecodeError, Message};

use crate::call::any_slot::AnySlot;

/// The request of a call. The default is an empty message.
#[derive(Clone)]
pub struct Request(Form);

impl Default for Request {
    fn default() -> Self {
        Self(Form::Encoded(Bytes::new()))
    }
}

#[derive(Clone)]
enum Form {
    Encoded(Bytes),
    Placed(Arc<dyn AnySlot>),
}

impl Request {
    pub(crate) fn placed(slot: Arc<dyn AnySlot>) -> Self {
        Self(Form::Placed(slot))
    }

    /// The request as a message: moved out of the slot where it has this type, decoded otherwise.
    pub(crate) fn take<Req: Message + Default + 'static>(&mut self) -> Result<Req, DecodeError> {
        match &mut self.0 {
            Form::Encoded(body) => Req::decode(std::mem::take(body)),
            Form::Placed(slot) => {
                let mut taken = None;
                slot.request(&mut |request| {
                    taken = request.downcast_mut::<Option<Req>>().and_then(Option::take);
                });
                taken.map_or_else(|| Req::decode(slot.encoded()), Ok)
            }
        }
    }

    /// Puts the reply into the call's slot; returned where there is none, or where the caller has another type.
    pub(crate) fn place<Rsp: 'static>(&self, reply: Rsp) -> Option<Rsp> {
        match &self.0 {
            Form::Encoded(_) => Some(reply),
            Form::Placed(slot) => place(&**slot, reply),
        }
    }

    /// The encoded request.
    pub(crate) fn bytes(&self) -> Bytes {
        match &self.0 {
            Form::Encoded(body) => body.clone(),
            Form::Placed(slot) => slot.encoded(),
        }
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
        }
    }
}
