//! The one place that makes a [`Cx`] of a call that has arrived, over a link or by a topic.

use std::sync::Arc;

use guildhall_core::status::reason;
use guildhall_core::{Code, Model};
use guildhall_link::{Arrival, HandlerFuture, ServedMeters};

use super::command::{self, Cause};
use super::cx::Cx;
use super::cx::core::Core;
use super::cx::service::Served;
use super::reply::ReplyPort;
use super::spans;

/// Begins the handler of a call; `None` when it has been answered already.
pub(crate) fn begin(
    core: &Arc<Core>,
    arrival: Arrival<'_>,
    mut reply: guildhall_link::ReplyPort,
) -> Option<HandlerFuture> {
    let Arrival { method, mut head, left, at, caller, is_over_limit, body } = arrival;
    let served = core.services.get(method);
    let meter = served.map_or(ServedMeters::UNKNOWN, Served::meter);
    let span = spans::of_arrival(core, &mut head, served.map(Served::method));
    match reply.is_wanted() {
        true => reply.count_as(meter),
        false => core.endpoint.meters.served.came(meter),
    }
    let reply = ReplyPort::new(reply, span);
    if left.is_zero() {
        let why = "the deadline was over when the request arrived";
        reply.refuse(Code::DeadlineExceeded, reason::EXPIRED, why);
        return None;
    }
    if is_over_limit {
        core.counters.overloaded.add(1);
        let why = "this link has too many calls and casts running (link.running_max)";
        reply.refuse(Code::ResourceExhausted, reason::OVERLOADED, why);
        return None;
    }
    let Some(served) = served else {
        let why = format!("this app serves no method {method:#010x}");
        reply.refuse(Code::Unimplemented, reason::NO_SUCH_METHOD, why);
        return None;
    };
    // Actors have records of what they have run; who has none can only be careful.
    let session = head.as_ref().and_then(|head| head.session.as_ref());
    if session.is_some_and(|session| {
        served.method().model != Model::Actor && command::may_have_run(session, served.method())
    }) {
        reply.send::<()>(Err(command::unknown(served.method())));
        return None;
    }
    // A call from within sees the resources that its caller sees.
    let given = head.as_ref().filter(|_| caller.is_none()).map_or(0, |head| head.resources);
    let resources = if given == 0 { core.snapshots.version() } else { given };
    let cx = Cx {
        // A deadline past the end of time is no deadline.
        deadline: at.checked_add(left),
        caller: caller.cloned(),
        cause: Cause::of(head.as_ref()),
        head: head.map(Arc::new),
        cancel: reply.cancel(),
        in_call: true,
        resources,
        ..Cx::on(core)
    };
    served.dispatch(cx, body, reply)
}
