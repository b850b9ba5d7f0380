//! What a call carries: a message with the type of its reply, or bytes that are encoded already.

use std::marker::PhantomData;

use bytes::Bytes;
use guildhall_core::rpc::RawBody;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, KeyText, MethodDesc, Status};
use prost::Message;

use super::slot::Came;

/// What a call carries. It is sent again, where that may be, from what is left here.
pub(crate) trait Carried: Send {
    /// Whether it is bytes: its key says only where they go, and the app that serves them looks for the key in them.
    const IS_ENCODED: bool;
    /// What links encode.
    type Message: Message;
    /// The request as the slot of an own call holds it.
    type Req: Message + 'static;
    /// The reply as the slot of an own call holds it.
    type Rsp: Message + 'static;
    /// The reply as the caller gets it.
    type Reply;

    /// `None` when a handler has it.
    fn message(&self) -> Option<&Self::Message>;
    fn key(&self) -> KeyText<'_>;
    /// The bytes of the request; none when a handler has it.
    fn encoded(&mut self) -> Bytes;
    /// The request for a slot; `None` where it has to be encoded. What may run twice stays here too.
    fn give(&mut self, method: &MethodDesc) -> Option<Self::Req>;
    /// Takes the request back that no handler has taken.
    fn take_back(&mut self, request: Option<Self::Req>);
    /// # Errors
    /// The reply is no such message.
    fn reply(method: &MethodDesc, came: Came<Self::Rsp>) -> Result<Self::Reply, Status>;
}

/// A message.
pub(crate) struct Typed<Req, Rsp> {
    req: Option<Req>,
    key: fn(&Req) -> KeyText<'_>,
    rsp: PhantomData<fn() -> Rsp>,
}

impl<Req, Rsp> Typed<Req, Rsp> {
    pub(crate) fn new(req: Req, key: fn(&Req) -> KeyText<'_>) -> Self {
        Self { req: Some(req), key, rsp: PhantomData }
    }
}

impl<Req, Rsp> Carried for Typed<Req, Rsp>
where
    Req: Message + Clone + 'static,
    Rsp: Message + Default + 'static,
{
    const IS_ENCODED: bool = false;
    type Message = Req;
    type Req = Req;
    type Rsp = Rsp;
    type Reply = Rsp;

    fn message(&self) -> Option<&Req> {
        self.req.as_ref()
    }

    fn key(&self) -> KeyText<'_> {
        self.req.as_ref().map_or(KeyText::None, self.key)
    }

    fn encoded(&mut self) -> Bytes {
        self.req.as_ref().map(|req| req.encode_to_vec().into()).unwrap_or_default()
    }

    fn give(&mut self, method: &MethodDesc) -> Option<Req> {
        if method.idempotent { self.req.clone() } else { self.req.take() }
    }

    fn take_back(&mut self, request: Option<Req>) {
        if request.is_some() {
            self.req = request;
        }
    }

    fn reply(method: &MethodDesc, came: Came<Rsp>) -> Result<Rsp, Status> {
        let body = match came {
            Came::Typed(reply) => return Ok(reply),
            Came::Encoded(body) => body,
        };
        Rsp::decode(body).map_err(|error| {
            let why = format!("the reply of {} does not decode: {error}", method.path);
            let status = Status::new(Code::Internal, why).with_reason(reason::BAD_REPLY);
            status.with_effect(Effect::Ran)
        })
    }
}

/// Bytes, with the key that is in them.
pub(crate) struct Raw<'a> {
    key: KeyText<'a>,
    body: RawBody<'a>,
    /// The body in one piece, once an actor of this app was looked for.
    whole: Option<Bytes>,
}

impl<'a> Raw<'a> {
    pub(crate) fn new(key: KeyText<'a>, body: RawBody<'a>) -> Self {
        Self { key, body, whole: None }
    }
}

impl<'a> Carried for Raw<'a> {
    const IS_ENCODED: bool = true;
    type Message = RawBody<'a>;
    type Req = ();
    type Rsp = ();
    type Reply = Bytes;

    fn message(&self) -> Option<&RawBody<'a>> {
        Some(&self.body)
    }

    fn key(&self) -> KeyText<'_> {
        self.key
    }

    fn encoded(&mut self) -> Bytes {
        self.whole.get_or_insert_with(|| self.body.encode_to_vec().into()).clone()
    }

    fn give(&mut self, _method: &MethodDesc) -> Option<()> {
        None
    }

    fn take_back(&mut self, _request: Option<()>) {}

    fn reply(_method: &MethodDesc, came: Came<()>) -> Result<Bytes, Status> {
        Ok(match came {
            // An empty message.
            Came::Typed(()) => Bytes::new(),
            Came::Encoded(body) => body,
        })
    }
}
