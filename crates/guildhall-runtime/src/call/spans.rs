//! The spans of calls: of outgoing and of received calls.

use std::sync::Arc;

use guildhall_core::MethodDesc;
use guildhall_wire::Head;

use super::cx::Cx;
use super::cx::core::Core;
use crate::observe::trace::{OpenSpan, SpanKind, sampled};

/// The span of a call that is made: of the trace that it is in, or of one that begins with it.
#[inline]
pub(crate) fn of_call(cx: &Cx, method: &MethodDesc) -> Option<OpenSpan> {
    let tracer = cx.core.tracer.as_ref()?;
    let parent = cx.trace();
    if parent.is_none() && !method.trace {
        let is_decided = cx.in_call || cx.head.as_ref().is_some_and(|head| head.trace.is_some());
        if is_decided || !tracer.samples() {
            return None;
        }
    }
    Some(tracer.open(parent, SpanKind::Client, method.path))
}

/// The span of a call that has arrived, which becomes the place of its head.
#[inline]
pub(crate) fn of_arrival(
    core: &Core,
    head: &mut Option<Arc<Head>>,
    method: Option<&MethodDesc>,
) -> Option<OpenSpan> {
    let (tracer, method) = (core.tracer.as_ref()?, method?);
    let parent = sampled(head.as_deref());
    if parent.is_none() && !method.trace {
        return None;
    }
    let mut span = tracer.open(parent, SpanKind::Server, method.path);
    let head = Arc::make_mut(head.get_or_insert_default());
    if let Some(session) = &head.session {
        span.field("player", session.player.clone());
    }
    head.trace = Some(span.position());
    Some(span)
}
