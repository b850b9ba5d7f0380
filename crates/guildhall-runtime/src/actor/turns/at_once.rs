//! The turn of a call that an idle actor runs in the poll of its caller: a plain call, from the claim to the reply.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::task::waker_ref;
use guildhall_entity::ActorState as _;

use super::call::{is_ready, lease_ran_out};
use super::end::after_turn;
use crate::actor::Actor;
use crate::actor::engine::{Active, Began, Begins, Begun, Cell, Next, Ran, Stage};
use crate::actor::persistence::end_turn;
use crate::actor::services::ActorServices;
use crate::call::chain::Callee;
use crate::call::service::{Caller, Wanted};
use crate::observe::trace::context::within;

/// Begins the turn, and ends it where its handler waits for nothing.
pub(crate) fn at_once<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    idle: &mut Option<Box<Active<A>>>,
    service: usize,
    wanted: &Wanted<'_>,
    caller: &mut dyn Caller,
) -> Began<A> {
    let Some(active) = idle.take_if(|active| is_simple(cell, active, wanted)) else {
        return Began::Not;
    };
    let method = wanted.method;
    let mut handler = cell.host.handler();
    let cx = handler.cx(wanted, Arc::clone(cell) as Arc<dyn Callee>);
    let mut context = cx.context();
    let body = caller.request(handler.exchange.take());
    cell.begin_turn();
    cell.core().counters.turns.add(1);
    handler.begin(Begins { active, cx, service, method: method.index, body });
    let waker = waker_ref(cell);
    let polled = within(&mut context, || handler.poll(&mut Context::from_waker(&waker)));
    let Poll::Ready(Ran { mut active, cx, result }) = polled else {
        let reply = caller.waits(&handler.left);
        return Began::GoesOn(Begun { stage: Stage::Runs(handler, context), method, reply });
    };
    let result = match result {
        Ok(result) => result,
        Err(ended) => {
            let reply = caller.waits(&handler.left);
            let ran = Box::new(Ran { active, cx, result: Err(ended) });
            return Began::GoesOn(Begun { stage: Stage::Ran(ran, None), method, reply });
        }
    };
    let (result, next) = end_turn(cell, &mut active, method.keep_on_error, 0, result);
    if next == Next::Settle {
        let reply = caller.waits(&handler.left);
        let ran = Box::new(Ran { active, cx, result: Ok(result) });
        return Began::GoesOn(Begun { stage: Stage::Ran(ran, Some(next)), method, reply });
    }
    // Rule 25: after the state was read, just before it is sent.
    let result = match cell.holds(active.epoch) {
        true => result,
        false => Err(lease_ran_out(method)),
    };
    after_turn(cell, &mut active);
    *idle = Some(active);
    handler.keep_cx(cx);
    handler.exchange = caller.answer(result);
    cell.host.keep(handler);
    Began::Replied
}

/// Whether nothing but the handler has to run, and no reply waits for the store.
#[inline]
fn is_simple<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    active: &mut Active<A>,
    wanted: &Wanted<'_>,
) -> bool {
    let head = wanted.head;
    let is_recorded = head.is_some_and(|head| head.session.is_some() || head.sender.is_some());
    !is_recorded
        && !wanted.method.durable
        && !active.commits.holds()
        && is_ready(cell, active)
        && (wanted.method.create || active.actor.state().exists())
}
