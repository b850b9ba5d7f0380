//! A call: route, send, wait; and once more on a fresh route when it certainly did not run.

mod budget;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, KeyText, MethodDesc, Status};
use prost::Message;

use crate::codegen::Target;
use crate::cx::Cx;
use crate::link::Link;

pub(crate) use budget::RetryBudget;

/// Calls `method` and waits for its reply, within the deadline of `cx` and of the method.
pub(crate) async fn call<Req: Message, Rsp: Message + Default>(
    cx: &Cx,
    method: &'static MethodDesc,
    target: Target,
    key: fn(&Req) -> KeyText<'_>,
    req: Req,
) -> Result<Rsp, Status> {
    let app = &*cx.app;
    let deadline = deadline(cx, method);
    app.retries.earn();
    let mut retries = 0;
    loop {
        let status = match once(cx, method, &target, key(&req), deadline, &req).await {
            Ok(body) => {
                return Rsp::decode(body).map_err(|error| {
                    let why = format!("the reply of {} does not decode: {error}", method.path);
                    let status = Status::new(Code::Internal, why).with_reason(reason::BAD_REPLY);
                    status.with_effect(Effect::Ran)
                });
            }
            Err(status) => status,
        };
        // P2P names an app: another one will not do.
        let may = !matches!(target, Target::App(_)) && may_retry(&status, method);
        let pause = Duration::from_millis(app.calls.retry_pause_ms);
        if !may || retries == app.calls.retries_max || app.env.now() + pause >= deadline {
            return Err(status);
        }
        if !app.retries.spend() {
            return Err(status);
        }
        retries += 1;
        app.env.sleep(pause).await;
    }
}

/// Queues a request that wants no reply.
pub(crate) fn cast<Req: Message>(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    key: fn(&Req) -> KeyText<'_>,
    req: &Req,
) -> Result<(), Status> {
    let left = deadline(cx, method).saturating_duration_since(cx.app.env.now());
    cx.app.mesh.route(method, target, key(req))?.cast(method, left, req)
}

async fn once<Req: Message>(
    cx: &Cx,
    method: &'static MethodDesc,
    target: &Target,
    key: KeyText<'_>,
    deadline: Instant,
    req: &Req,
) -> Result<Bytes, Status> {
    let left = deadline.saturating_duration_since(cx.app.env.now());
    if left.is_zero() {
        let why = format!("the deadline was over before {} was sent", method.path);
        return Err(Status::not_run(Code::DeadlineExceeded, reason::EXPIRED, why));
    }
    let link: Arc<Link> = cx.app.mesh.route(method, target, key)?;
    link.call(method, deadline, left, req).await
}

/// The earliest of what the caller, the method and the app allow.
fn deadline(cx: &Cx, method: &MethodDesc) -> Instant {
    let ms = match method.timeout_ms {
        0 => cx.app.calls.timeout_ms,
        ms => u64::from(ms),
    };
    let own = cx.app.env.now() + Duration::from_millis(ms);
    cx.deadline.map_or(own, |deadline| deadline.min(own))
}

/// Only what certainly did not run, and for a reason that a fresh route may cure; or what may run twice.
fn may_retry(status: &Status, method: &MethodDesc) -> bool {
    use reason::{GOING_AWAY, LOST, MOVED, NO_ROUTE, NOT_READY};
    let curable = matches!(status.reason(), NO_ROUTE | LOST | GOING_AWAY | MOVED | NOT_READY);
    match status.effect() {
        Effect::NotRun => curable,
        Effect::MayHaveRun => method.idempotent && curable,
        Effect::Ran => false,
    }
}
