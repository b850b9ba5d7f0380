//! What generated code calls. Not for people: the generated services and clients are.

use std::panic::AssertUnwindSafe;

use bytes::{Buf, Bytes};
use futures_util::FutureExt as _;
use guildhall_core::Effect;
use guildhall_core::status::reason;
use prost::Message;

pub use guildhall_core::store::{Column, Kind, Table, Value, WAKE};
pub use guildhall_core::{Address, AppId, Code, Key, KeyText, Method, Status};
pub use guildhall_core::{ErrorEnum, KeyField, KeyKind, MethodDesc, Model, Route, ServiceDesc};
pub use guildhall_entity::{
    Delta, Entity, EntityMeta, Index, Known, LoadError, Row, RowChange, RowId, Scalar, State, Tags,
    Write, growth, key_field, load_message, load_proto, load_scalar, message_value, proto_size,
    proto_value, reads_again, scalar_size, scalar_value,
};

pub use crate::actor::{Actor, ActorService};
pub use crate::call::{Many, Target};
pub use crate::cx::Cx;
use crate::forged;
pub use crate::lane::{Lane, Turn};
pub use crate::push::Players;
pub use crate::service::{HandlerFuture, Incoming, Service, ServiceQueue};
pub use crate::topic::{Subscribed, subscribe};
use crate::trace::context::{Context, within};

/// The state of a SERIAL service: never contended, as its lane runs one call at a time.
pub use tokio::sync::Mutex as SerialState;

/// Reads the key field of a request.
pub type KeyOf<Req> = fn(&Req) -> KeyText<'_>;

/// Decodes the request and begins the handler.
pub fn handle<Req, Rsp, F, Fut>(
    call: Incoming<'_>,
    key: KeyOf<Req>,
    handler: F,
) -> Option<HandlerFuture>
where
    Req: Message + Default + 'static,
    Rsp: Message + 'static,
    F: FnOnce(Cx, Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Rsp, Status>> + Send + 'static,
{
    let Incoming { cx, method, body, reply } = call;
    let req = match decode(&cx, method, key, body.bytes) {
        Ok(req) => req,
        Err(status) => {
            reply.send::<Rsp>(Err(status));
            return None;
        }
    };
    let context = Context::of(&cx);
    // A panic of the handler, also of its first lines, is its caller's error and nobody else's.
    let run = AssertUnwindSafe(async move { handler(cx, req).await }).catch_unwind();
    Some(Box::pin(async move {
        let mut run = std::pin::pin!(run);
        let run = std::future::poll_fn(|cx| within(context.as_ref(), || run.as_mut().poll(cx)));
        reply.send(match run.await {
            Ok(result) => result.map_err(|status| status.with_effect(Effect::Ran)),
            Err(_) => {
                tracing::error!(method = method.path, "a handler panicked");
                let why = format!("the handler of {} panicked", method.path);
                Err(Status::new(Code::Internal, why).with_reason(reason::PANICKED))
            }
        });
    }))
}

/// Answers a call of a method that the service does not have.
pub fn no_such_method(call: Incoming<'_>) -> Option<HandlerFuture> {
    call.reply.send::<()>(Err(unknown_method(call.method.service, call.method.index)));
    None
}

/// Decodes the request of a call.
///
/// # Errors
/// It is no such message, or its key is not whom the call is for; the call has not run.
pub fn decode<Req: Message + Default>(
    cx: &Cx,
    method: &'static MethodDesc,
    key: KeyOf<Req>,
    body: impl Buf,
) -> Result<Req, Status> {
    let req = Req::decode(body).map_err(|error| {
        let why = format!("the request does not decode: {error}");
        Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why)
    })?;
    forged::check(cx, method, key(&req))?;
    Ok(req)
}

/// Encodes what a turn has returned.
///
/// # Errors
/// What the handler has returned, marked as `Ran`.
pub fn reply<M: Message>(result: Result<M, Status>) -> Result<Bytes, Status> {
    match result {
        Ok(message) => Ok(message.encode_to_vec().into()),
        Err(status) => Err(status.with_effect(Effect::Ran)),
    }
}

/// The status of a call of a method that the service does not have.
pub fn unknown_method(service: impl std::fmt::Display, method: usize) -> Status {
    let why = format!("{service} has no method with the index {method}");
    Status::not_run(Code::Unimplemented, reason::NO_SUCH_METHOD, why)
}

/// Calls a method.
pub fn call<'a, Req, Rsp>(
    cx: &'a Cx,
    method: Method<Req, Rsp>,
    target: Target,
    key: fn(&Req) -> KeyText<'_>,
    req: Req,
) -> impl Future<Output = Result<Rsp, Status>> + Send + use<'a, Req, Rsp>
where
    Req: Message + 'static,
    Rsp: Message + Default + 'static,
{
    crate::call::call(cx, method.desc, target, key, req)
}

/// Sends a request that wants no reply; `Ok` says only that it was queued.
#[allow(clippy::needless_pass_by_value, reason = "the same shape as `call`")]
pub fn cast<'a, Req>(
    cx: &'a Cx,
    method: Method<Req, ()>,
    target: Target,
    key: fn(&Req) -> KeyText<'_>,
    req: Req,
) -> impl Future<Output = Result<(), Status>> + Send + use<'a, Req>
where
    Req: Message + 'static,
{
    std::future::ready(crate::call::cast(cx, method.desc, &target, key(&req), &req))
}

/// Sends a request that wants no reply to many; `Ok` says only that it was queued.
pub async fn cast_many<Req: Message + 'static>(
    cx: &Cx,
    method: Method<Req, ()>,
    to: Many,
    req: Req,
) -> Result<(), Status> {
    match to {
        Many::All => crate::call::cast_all(cx, method.desc, &req),
        Many::Topic(topic) => crate::topic::cast(cx, method.desc, &topic, &req).await,
    }
}

/// Sends a message to players' clients; `Ok` says only that it was queued.
pub fn push<'a, M: Message + 'static>(
    cx: &'a Cx,
    method: Method<M, ()>,
    to: Players,
    message: M,
) -> impl Future<Output = Result<(), Status>> + Send + use<'a, M> {
    crate::push::push(cx, method.desc, to, message)
}
