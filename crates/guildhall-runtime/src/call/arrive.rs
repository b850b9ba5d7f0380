//! The one place that makes a [`Cx`] of a call that has arrived, over a link, by a topic or from this app itself.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Model};
use guildhall_link::{Arrival, HandlerFuture, ServedMeters};
use guildhall_wire::Head;

use super::body::Body;
use super::command::{self, Cause};
use super::cx::Cx;
use super::cx::core::Core;
use super::cx::service::Served;
use super::cx::service::Wanted;
use super::reply::{Cancel, ReplyPort};
use super::spans;

/// Begins the handler of a call; `None` when it has been answered already.
#[inline]
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
        false => core.endpoint.meters.served.count_cast(meter),
    }
    // A deadline past the end of time is no deadline.
    let (deadline, caller) = (at.checked_add(left), caller.cloned());
    let body = Body::Read(body);
    let arrived =
        Arrived { method, head, left, deadline, caller, is_over_limit, resources: 0, body };
    serve(core, served, arrived, ReplyPort::new(reply, span))
}

/// A call or cast that has arrived, and was counted.
pub(crate) struct Arrived<'a> {
    pub(crate) method: u32,
    pub(crate) head: Option<Arc<Head>>,
    pub(crate) left: Duration,
    pub(crate) deadline: Option<Instant>,
    /// None for a call from within this app.
    pub(crate) caller: Option<AppId>,
    pub(crate) is_over_limit: bool,
    /// The version of the resources that the caller sees, where that is this app; 0 outside of calls.
    pub(crate) resources: u64,
    pub(crate) body: Body<'a>,
}

/// Begins the handler of a call that this app serves, or refuses it.
#[inline]
pub(crate) fn serve(
    core: &Arc<Core>,
    served: Option<&Served>,
    arrived: Arrived<'_>,
    reply: ReplyPort,
) -> Option<HandlerFuture> {
    let Arrived { method, head, left, deadline, caller, is_over_limit, resources, body } = arrived;
    if left.is_zero() {
        let why = "the deadline was over when the request arrived";
        reply.refuse(Code::DeadlineExceeded, reason::EXPIRED, why);
        return None;
    }
    if is_over_limit {
        core.counters.overloaded.add(1);
        let why = "too many calls and casts of this caller run (link.running_max)";
        reply.refuse(Code::ResourceExhausted, reason::OVERLOADED, why);
        return None;
    }
    let Some(served) = served else {
        let why = format!("this app serves no method {method:#010x}");
        reply.refuse(Code::Unimplemented, reason::NO_SUCH_METHOD, why);
        return None;
    };
    // Actors have records of what they have run; a service without records must assume that the command has run.
    let session = head.as_ref().and_then(|head| head.session.as_ref());
    if session.is_some_and(|session| {
        served.method().model != Model::Actor && command::may_have_run(session, served.method())
    }) {
        reply.send::<()>(Err(command::unknown(served.method())));
        return None;
    }
    // A call from within sees the resources that its caller sees.
    let resources = if resources == 0 { core.snapshots.version() } else { resources };
    let cx = Cx {
        deadline,
        caller,
        cause: Cause::of(head.as_deref()),
        head,
        cancel: reply.cancel(),
        in_call: true,
        resources,
        ..Cx::outside(core)
    };
    served.dispatch(cx, body, reply)
}

/// The context of a call to an actor that was claimed.
pub(crate) fn at_once(wanted: &Wanted<'_>, cancel: Option<Cancel>) -> Cx {
    let mut cx = Cx { cancel, in_call: true, ..Cx::outside(&wanted.cx.core) };
    again(&mut cx, wanted);
    cx
}

/// Makes the context of an earlier such call that of this one.
#[inline]
pub(crate) fn again(cx: &mut Cx, wanted: &Wanted<'_>) {
    cx.deadline = Some(wanted.times.deadline);
    if let Some(head) = wanted.head {
        cx.cause = Cause::of(Some(&**head));
        cx.head = Some(Arc::clone(head));
    }
    // A call from within sees the resources that its caller sees.
    cx.resources = match wanted.cx.resources {
        0 => wanted.cx.core.snapshots.version(),
        seen => seen,
    };
}
