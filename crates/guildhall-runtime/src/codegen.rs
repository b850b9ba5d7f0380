//! What generated code calls. Not for people: the generated services and clients are.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Effect, Key, KeyText, Method, Status};
use prost::Message;

pub use crate::cx::Cx;
pub use crate::reply::ReplyPort;
pub use crate::service::{HandlerFuture, Incoming, Service};

/// Where a call goes.
#[derive(Clone, Debug, Default)]
pub enum Target {
    /// Where the method's options say.
    #[default]
    Default,
    /// Exactly that app.
    App(AppId),
    /// Any ready instance.
    Random,
    /// The instance that the key falls to.
    Hash(Key),
}

/// Decodes the request and begins the handler.
pub fn handle<Req, Rsp, F, Fut>(call: Incoming<'_>, handler: F) -> Option<HandlerFuture>
where
    Req: Message + Default + 'static,
    Rsp: Message + 'static,
    F: FnOnce(Cx, Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Rsp, Status>> + Send + 'static,
{
    let Incoming { cx, method, body, reply } = call;
    let req = match Req::decode(body) {
        Ok(req) => req,
        Err(error) => {
            let why = format!("the request of {} does not decode: {error}", method.path);
            let status = Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why);
            reply.send::<Rsp>(Err(status));
            return None;
        }
    };
    // A panic of the handler, also of its first lines, is its caller's error and nobody else's.
    let run = AssertUnwindSafe(async move { handler(cx, req).await }).catch_unwind();
    Some(Box::pin(async move {
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
    let why = format!("{} has no handler", call.method.path);
    let status = Status::not_run(Code::Unimplemented, reason::NO_SUCH_METHOD, why);
    call.reply.send::<()>(Err(status));
    None
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
    std::future::ready(crate::call::cast(cx, method.desc, &target, key, &req))
}
