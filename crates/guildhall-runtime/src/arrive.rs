//! [`Arrivals`]: the one place that makes a [`Cx`] of a call that has arrived, over a link or by a topic.

use std::sync::Arc;

use guildhall_core::env::ConnIo;
use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Model};
use guildhall_link::{Arrival, Dispatch, HandlerFuture, ServedMeters};

use crate::app::AppInner;
use crate::call::Core;
use crate::command::{self, Cause};
use crate::cx::Cx;
use crate::reply::ReplyPort;
use crate::service::Served;
use crate::trace;

/// Begins the calls that arrive at an app.
pub(crate) struct Arrivals(pub(crate) Arc<AppInner>);

impl Dispatch for Arrivals {
    fn dispatch(
        &self,
        arrival: Arrival<'_>,
        reply: guildhall_link::ReplyPort,
    ) -> Option<HandlerFuture> {
        begin(&self.0.core, arrival, reply)
    }

    async fn serve_streams(&self, io: ConnIo, caller: AppId) {
        crate::stream::serve(Arc::clone(&self.0.core), io, caller).await;
    }
}

/// Begins the handler of a call; `None` when it has been answered already.
pub(crate) fn begin(
    core: &Arc<Core>,
    arrival: Arrival<'_>,
    mut reply: guildhall_link::ReplyPort,
) -> Option<HandlerFuture> {
    let Arrival { method, mut head, left, at, caller, is_over_limit, body } = arrival;
    let served = core.services.get(method);
    let meter = served.map_or(ServedMeters::UNKNOWN, Served::meter);
    let span = trace::of_arrival(core, &mut head, served.map(Served::method));
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
