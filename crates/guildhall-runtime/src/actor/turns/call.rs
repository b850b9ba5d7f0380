//! The turn of a call.

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, MethodDesc, Status};
use guildhall_entity::ActorState as _;

use super::end::after_turn;
use super::guarded::{drop_activation, guarded};
use crate::actor::engine::{Active, Cell, Run};
use crate::actor::persistence::{Next, Settled, activate, end_turn, no_such, settle, want_commit};
use crate::actor::records::{ActorCall, Answer, Records, is_drained};
use crate::actor::services::ActorServices;
use crate::actor::{Actor, ActorCx};
use crate::call::Cx;
use crate::call::chain::Callee;
use crate::call::reply::ReplyPort;
use crate::call::turn::Call;
use crate::mutation::Mutation;
use crate::observe::trace::SpanKind;

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
    let result = match guarded(cell, &cx, turn).await {
        Ok(result) => result,
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
    let (mut result, next) = end_turn(cell, active, method.keep_on_error, recorded, result);
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
    // Rule 25: after the state was read, just before it is sent. A reply that waits for the store needs no clock (rule 14).
    let waits = method.durable && active.commits.holds();
    if !waits && !cell.holds(active.epoch) {
        let why = format!("{}: the lease ran out during the turn", method.path);
        let status = Status::new(Code::Unavailable, why).with_reason(reason::NOT_THE_OWNER);
        reply.send::<()>(Err(status));
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
