//! Calls for slots that this app does not serve: a call whose slot is on its way waits with a deadline, others are redirected.

use std::sync::Arc;

use guildhall_core::env::Instant;
use guildhall_core::rpc::{RawBody, find_key};
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, KeyText, Status};
use guildhall_ownership::EarlyCall;

use crate::call::turn::Call;
use crate::call::{cast_to, moved};

/// Hops after which a cast is dropped: two apps do not agree on where it belongs.
const HOPS_MAX: u32 = 2;

impl EarlyCall for Call {
    fn deadline(&self) -> Option<Instant> {
        self.cx.deadline
    }

    fn slot_is_late(self) {
        let why = format!("{}: the slot of its actor did not arrive in time", self.method.path);
        self.reply.refuse(Code::Unavailable, reason::NOT_READY, why);
    }

    fn overloaded(self, why: String) {
        Call::overloaded(self, why);
    }
}

/// Answers a call that another app runs with `MOVED`: its caller follows. A cast is forwarded, because an answer to it is discarded.
pub(crate) fn redirect(call: Call, to: &AppId) {
    if call.reply.is_wanted() {
        call.reply.send::<()>(Err(moved(to, call.method.path)));
        return;
    }
    let path = call.method.path;
    if let Err(status) = forward(&call, to) {
        call.cx.core.counters.casts_lost.add(1);
        tracing::warn!(%status, %to, method = path, "cast lost: its actor has moved");
    }
}

fn forward(call: &Call, to: &AppId) -> Result<(), Status> {
    let Call { method, cx, body, .. } = call;
    let body = &body.bytes();
    let mut head = cx.head.as_deref().cloned().unwrap_or_default();
    head.hops += 1;
    if head.hops > HOPS_MAX {
        let why = format!("{} was sent on {HOPS_MAX} times", method.path);
        return Err(Status::not_run(Code::Unavailable, reason::MOVED, why));
    }
    let key = match method.key {
        Some(field) => find_key(body, field).unwrap_or(KeyText::None),
        None => KeyText::None,
    };
    cast_to(cx, to, method, key, &Arc::new(head), &RawBody::new(body))
}
