//! Starts handlers: decodes requests, checks their keys, encodes replies. Generated servers call this.

use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, KeyText, MethodDesc, Status};
use guildhall_link::HandlerFuture;
use prost::{DecodeError, Message};

use super::cx::Cx;
use super::cx::service::Incoming;
use super::forged;
use super::request::{Reply, Request};
use crate::observe::trace::context::within;

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
    let Incoming { cx, method, body, reply, .. } = call;
    let taken = body.take::<Req>().map_err(|error| no_message(&error));
    let req = match taken.and_then(|req| forged::check(&cx, method, key(&req)).map(|()| req)) {
        Ok(req) => req,
        Err(status) => {
            reply.send::<Rsp>(Err(status));
            return None;
        }
    };
    let mut context = cx.context();
    // A panic of the handler, also of its first lines, is an error of its call alone.
    let run = AssertUnwindSafe(async move { handler(cx, req).await }).catch_unwind();
    Some(Box::pin(async move {
        let mut run = std::pin::pin!(run);
        let run = std::future::poll_fn(|cx| within(&mut context, || run.as_mut().poll(cx)));
        reply.send(match run.await {
            Ok(result) => result.map_err(|status| status.with_effect(Effect::Ran)),
            Err(_) => {
                tracing::error!(method = method.path, "handler panicked");
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

/// Takes the request of a call: moved where it comes from this app and has this type, decoded otherwise.
///
/// # Errors
/// It is no such message, or its key is not the session's player or not the actor's; the call has not run.
pub fn take<Req: Message + Default + 'static>(
    cx: &Cx,
    method: &'static MethodDesc,
    key: KeyOf<Req>,
    body: &mut Request,
) -> Result<Req, Status> {
    // The key of this very message has led to its actor, and no client has sent it.
    if cx.head.is_none()
        && let Some(req) = body.take_held()
    {
        return Ok(req);
    }
    let req = body.take::<Req>().map_err(|error| no_message(&error))?;
    forged::check(cx, method, key(&req))?;
    Ok(req)
}

fn no_message(error: &DecodeError) -> Status {
    let why = format!("the request does not decode: {error}");
    Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why)
}

/// The reply of an actor's turn. Of a call that may be recorded it is encoded in any case.
///
/// # Errors
/// The handler's error, marked as `Ran`.
pub fn answer<M: Message + 'static>(
    cx: &Cx,
    body: Request,
    result: Result<M, Status>,
) -> Result<Reply, Status> {
    let message = result.map_err(|status| status.with_effect(Effect::Ran))?;
    Ok(match cx.may_be_recorded() {
        true => Reply::encoded(Some(message)),
        false => body.reply(message),
    })
}

/// The reply of a lane's turn: encoded, or empty where it is placed in the slot that its request came in. Of a call that may be recorded
/// it is encoded in any case.
///
/// # Errors
/// The handler's error, marked as `Ran`.
pub fn reply<M: Message + 'static>(
    cx: &Cx,
    body: &Request,
    result: Result<M, Status>,
) -> Result<Bytes, Status> {
    let message = result.map_err(|status| status.with_effect(Effect::Ran))?;
    let encoded = match cx.may_be_recorded() {
        true => Some(message),
        false => body.place(message),
    };
    Ok(encoded.map(|message| message.encode_to_vec().into()).unwrap_or_default())
}

/// The status of a call of a method that the service does not have.
pub fn unknown_method(service: impl std::fmt::Display, method: usize) -> Status {
    let why = format!("{service} has no method with the index {method}");
    Status::not_run(Code::Unimplemented, reason::NO_SUCH_METHOD, why)
}
