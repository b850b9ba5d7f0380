//! [`Exchange`]: the request of a call on its way to a turn that runs in the poll of its caller, and the reply on its way back. It is
//! owned by one side at a time, so nothing is locked and nothing is shared.

use std::any::Any;

use bytes::Bytes;
use prost::Message;

/// A request, and later its reply, for code that does not name their types.
pub(crate) trait Exchange: Send + Sync {
    /// The `Option<Req>` with the request.
    fn request(&mut self) -> &mut dyn Any;
    /// The bytes of the request, for handlers of another type; none when it was taken.
    fn encoded(&self) -> Bytes;
    /// The `Option<Rsp>` for the reply.
    fn reply(&mut self) -> &mut dyn Any;
    /// Moves the reply into an `Option<Rsp>` of the same type.
    fn give(&mut self, place: &mut dyn Any);
    /// Drops what is left in it, for the next call.
    fn clear(&mut self);
}

/// An exchange of these types.
pub(crate) struct Typed<Req, Rsp> {
    request: Option<Req>,
    reply: Option<Rsp>,
}

/// An exchange with this request, in the memory of an earlier one if that has the same types.
pub(crate) fn exchange<Req, Rsp>(
    used: Option<Box<dyn Exchange>>,
    request: Option<Req>,
) -> Box<dyn Exchange>
where
    Req: Message + 'static,
    Rsp: Message + 'static,
{
    if let Some(mut used) = used
        && used.reply().is::<Option<Rsp>>()
        && let Some(place) = used.request().downcast_mut()
    {
        *place = request;
        return used;
    }
    Box::new(Typed::<Req, Rsp> { request, reply: None })
}

impl<Req: Message + 'static, Rsp: Message + 'static> Exchange for Typed<Req, Rsp> {
    fn request(&mut self) -> &mut dyn Any {
        &mut self.request
    }

    fn encoded(&self) -> Bytes {
        self.request.as_ref().map(|request| request.encode_to_vec().into()).unwrap_or_default()
    }

    fn reply(&mut self) -> &mut dyn Any {
        &mut self.reply
    }

    fn give(&mut self, place: &mut dyn Any) {
        if let Some(place) = place.downcast_mut::<Option<Rsp>>() {
            *place = self.reply.take();
        }
    }

    fn clear(&mut self) {
        (self.request, self.reply) = (None, None);
    }
}
