//! The turn of a call.

use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, MethodDesc, Status};
use guildhall_entity::ActorState as _;

use super::end::after_turn;
use super::guarded::{drop_activation, guarded};
use crate::actor::engine::{Active, Begun, Cell, Next, Ran, Run, Stage};
use crate::actor::persistence::{Settled, activate, end_turn, no_such, settle, want_commit};
use crate::actor::records::{ActorCall, Answer, Records, is_drained};
use crate::actor::services::ActorServices;
use crate::actor::{Actor, ActorCx};
use crate::call::chain::Callee;
use crate::call::reply::ReplyPort;
use crate::call::turn::{Call, Ended};
use crate::call::{Cx, Reply};
use crate::mutation::Mutation;
use crate::observe::trace::context::within;
use crate::observe::trace::{OpenSpan, SpanKind};

/// Runs the call whose turn it is.
pub(crate) async fn run_call<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    run: &mut Run<Cell<A, S>, A>,
) {
    let Some(Call { service, method, mut cx, body, reply }) = run.call.take() else { return };
    cx.turn = Some(Arc::clone(cell) as Arc<dyn Callee>);
    let mut span = cx.enter_span(SpanKind::Turn, method.path);
    if let Some(span) = &mut span {
        span.field("actor", &*cell.id);
    }
    let cx = ActorCx::new(cx);
    // Not a message, but the notice that its sender has no message under way.
    let drained = cx.sender().is_some_and(is_drained);
    let active = match &mut run.active {
        Some(active) => active,
        none => {
            let create = (method.create && !drained) || cell.resident;
            match Box::pin(activate(cell, &cx, Some(method), create)).await {
                Ok(active) => none.insert(active),
                Err(answer) => {
                    // The timers that `activate` has set end too.
                    cell.deactivated();
                    reply.send_encoded(answer);
                    return;
                }
            }
        }
    };
    if drained {
        active.records.drained(&cx);
        reply.send_encoded(Ok(Bytes::new()));
        return after_turn(cell, active);
    }
    if let Some(answer) = refusal(cell, active, &cx, method) {
        run.replied = finish(cell, active, method, reply, answer);
        return;
    }
    if must_wait_for_outage(cell, active, method) {
        let why = format!("{} cannot be saved now: its store takes no writes", cell.id);
        reply.refuse(Code::Unavailable, reason::STORE, why);
        return after_turn(cell, active);
    }
    cell.core().counters.turns.add(1);
    let turn = S::dispatch(&mut active.actor, &cx, service, method.index, body);
    let result = guarded(cell, &cx, turn).await;
    ran(cell, run, Turn { cx, method, reply, span }, result, None).await;
}

/// Goes on with a turn that has begun in the poll of its caller.
pub(crate) async fn run_begun<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    run: &mut Run<Cell<A, S>, A>,
) {
    let Some(Begun { stage, method, reply }) = run.begun.take() else { return };
    let (Ran { active, cx, result }, next) = match stage {
        Stage::Ran(ran, next) => (*ran, next),
        Stage::Runs(mut handler, mut context) => {
            let poll = |task: &mut Context<'_>| within(&mut context, || handler.poll(task));
            let ran = std::future::poll_fn(poll).await;
            cell.host.keep(handler);
            (ran, None)
        }
    };
    run.active = Some(active);
    ran(cell, run, Turn { cx: *cx, method, reply, span: None }, result, next).await;
}

/// What is left of a turn whose handler has ended.
struct Turn {
    cx: ActorCx,
    method: &'static MethodDesc,
    reply: ReplyPort,
    span: Option<OpenSpan>,
}

/// Ends a turn with what its handler has come to.
async fn ran<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    run: &mut Run<Cell<A, S>, A>,
    Turn { cx, method, reply, mut span }: Turn,
    result: Result<Result<Reply, Status>, Ended>,
    next: Option<Next>,
) {
    let Some(active) = &mut run.active else { return };
    let result = match result {
        Ok(result) => result.map(|answer| reply.place(answer)),
        Err(ended) => {
            let status = ended.status(&cell.core().counters, &cell.id, method.path);
            reply.send::<()>(Err(status));
            if let Some(active) = run.active.take() {
                Box::pin(drop_activation(cell, active)).await;
            }
            return;
        }
    };
    let recorded = Records::bytes_of(&cx, method, &result);
    let (mut result, next) = match next {
        None => end_turn(cell, active, method.keep_on_error, recorded, result),
        Some(next) => (result, next),
    };
    if let Some(span) = &mut span {
        span.set(result.as_ref().err().map_or(Code::Ok, Status::code));
        // The save of its changes is a part of its trace, now or later.
        active.trace = cx.trace().cloned().map(Box::new);
    }
    active.records.record(for_records(cell, &cx, method), &result);
    if next == Next::Settle {
        result = match Box::pin(settled(cell, active, &cx, method, result)).await {
            Ok(result) => result,
            Err(over) => {
                reply.send::<()>(Err(over));
                run.active = None;
                return;
            }
        };
    }
    run.replied = finish(cell, active, method, reply, result);
}

/// The call as the records of the actor see it.
#[inline]
fn for_records<'a, A: Actor, S: ActorServices<A>>(
    cell: &'a Cell<A, S>,
    cx: &'a Cx,
    method: &'static MethodDesc,
) -> ActorCall<'a> {
    ActorCall { config: &cell.host.config, env: &cell.core().env, cx, method }
}

/// The answer to a call that does not run: it has run before, or its entity is missing.
#[inline]
fn refusal<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    active: &mut Active<A>,
    cx: &Cx,
    method: &'static MethodDesc,
) -> Option<Answer> {
    if let Some(answer) = active.records.before(for_records(cell, cx, method)) {
        return Some(answer);
    }
    if method.create || active.actor.state().exists() {
        return None;
    }
    Some(Err(Status::not_run(Code::NotFound, reason::NO_SUCH_ENTITY, no_such(&cell.id))))
}

/// Whether the reply would wait for a commit that does not come.
#[inline]
fn must_wait_for_outage<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    active: &Active<A>,
    method: &'static MethodDesc,
) -> bool {
    let waits = method.durable || active.commits.holds();
    waits && cell.host.has_rows() && cell.part().outage.lasts(&cell.core().env)
}

/// The answer to a call whose turn is committed alone.
///
/// # Errors
/// Another owner has the rows: the activation is over.
async fn settled<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
    cx: &Cx,
    method: &'static MethodDesc,
    result: Answer,
) -> Result<Answer, Status> {
    match settle(cell, active).await {
        Settled::Yes => Ok(result),
        Settled::No(status) if status.effect() == Effect::NotRun => {
            active.records.forget_record(cx, method);
            Ok(Err(status))
        }
        Settled::No(status) => {
            let refused = Err(status);
            active.records.record(for_records(cell, cx, method), &refused);
            Ok(refused)
        }
        Settled::Over => {
            let why = "another owner has the rows; what the call has changed was not saved";
            Err(Status::new(Code::Aborted, why).with_reason(reason::NOT_THE_OWNER))
        }
    }
}

/// The reply of a turn, or of one that was run before, and the end of it. The time, where the clock was looked at.
fn finish<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
    method: &'static MethodDesc,
    reply: ReplyPort,
    answer: Answer,
) -> Option<Instant> {
    if method.durable && !cell.core().lacks(Mutation::CommitBeforeReply) {
        want_commit(cell, active);
    }
    // Rule 25: after the state was read, just before it is sent. A reply that waits for the store needs no clock (rule 14),
    // nor does a cast, which nobody answers.
    let waits = method.durable && active.commits.holds();
    if !waits && reply.is_wanted() && !cell.holds(active.epoch) {
        reply.send::<()>(Err(lease_ran_out(method)));
        after_turn(cell, active);
        return None;
    }
    let replied = match cell.core().lacks(Mutation::ReadsWaitForCommits) && !method.durable {
        true => reply.send_encoded(answer),
        false => active.commits.answer(reply, answer),
    };
    after_turn(cell, active);
    replied
}

/// The answer of a turn whose actor may be another app's by now.
pub(super) fn lease_ran_out(method: &MethodDesc) -> Status {
    let why = format!("{}: the lease ran out during the turn", method.path);
    Status::new(Code::Unavailable, why).with_reason(reason::NOT_THE_OWNER)
}

/// Whether an actor may run at once: it holds its rows under the present grant.
#[inline]
pub(super) fn is_ready<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    active: &Active<A>,
) -> bool {
    active.between.is_none() && cell.host.slots.is_fresh(cell.slot, active.epoch)
}
