//! The work of an actor: activate, run calls, tick, save, deactivate.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, MethodDesc, Status, outside};
use guildhall_entity::State as _;
use guildhall_ownership::Payload;
use prost::Message as _;

use super::activate::activate;
use super::atomic::{Next, Settled, end_own_turn, end_turn, rescue, settle};
use super::cell::{Active, Cell};
use super::held::Answer;
use super::later::LaterTurn;
use super::leave::Ticket;
use super::mail::Job;
use super::outbox::OwnCall;
use super::reclaim::{Reclaimed, reclaim};
use super::saves::{
    apply_saved, begin_save, close_missing, drop_unsaved, is_dirty, save_to_leave, save_within,
    want_commit,
};
use super::seen::is_drained;
use super::services::ActorServices;
use super::timers::Message;
use super::{Actor, Why};
use crate::chain::Callee;
use crate::cx::Cx;
use crate::mutation::Mutation;
use crate::reply::ReplyPort;
use crate::trace::SpanKind;
use crate::trace::context::{Context, within};
use crate::turn::{Call, Ended};

/// Turns in a row before other actors of the worker get theirs.
const TURNS_IN_A_ROW: usize = 64;

/// Does all that waits for the actor. Returns it, or nothing when it has left memory.
pub(super) async fn work<A: Actor, S: ActorServices<A>>(
    cell: Arc<Cell<A, S>>,
    mut active: Option<Box<Active<A>>>,
) -> Option<Box<Active<A>>> {
    let mut turns = 0;
    while let Some(job) = cell.next_job() {
        if let Some(before) = &mut active
            && job.needs_rows()
        {
            match ready(&cell, before).await {
                Reclaimed::Yes => {}
                Reclaimed::No => active = None,
                Reclaimed::NotNow => {
                    cell.put_off(job);
                    cell.app.env.sleep(cell.app.save.retry()).await;
                    continue;
                }
            }
        }
        active = match job {
            Job::Call(call) => run(&cell, active, call).await,
            Job::Timer(service, message) => match active {
                Some(active) => on_timer(&cell, active, service, message).await,
                None => None,
            },
            Job::SessionOver(session) => match active {
                Some(mut active) => {
                    active.commands.session_over(&session, cell.app.env.now());
                    keep(&cell, active)
                }
                None => None,
            },
            Job::Later(turn) => match active {
                Some(active) => on_later(&cell, active, turn).await,
                None => None,
            },
            Job::Saved(activation, result) => match active {
                Some(mut active) => {
                    apply_saved(&cell, &mut active, activation, result).then_some(active)
                }
                None => None,
            },
            Job::Save => {
                if let Some(active) = &mut active {
                    begin_save(&cell, active);
                }
                active
            }
            Job::Tick => match active {
                Some(active) => tick(&cell, active).await,
                None => None,
            },
            Job::Enter => match active {
                Some(active) => Some(active),
                None => enter(&cell).await,
            },
            Job::Leave(ticket) => match active {
                Some(active) => Box::pin(leave(&cell, active, ticket)).await,
                None => None,
            },
            Job::Gone => {
                if let Some(active) = &mut active {
                    drop_unsaved(&cell, active);
                }
                None
            }
            Job::Close(why) => match active {
                Some(active) => Box::pin(deactivate(&cell, active, why)).await,
                None => None,
            },
        };
        turns += 1;
        if turns % TURNS_IN_A_ROW == 0 {
            give_way().await;
        }
    }
    active
}

/// Before an actor runs: it claims its rows again if its slot was not ours all the time, and has back what it was about to give
/// away.
async fn ready<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Reclaimed {
    let reclaimed = reclaim(cell, active).await;
    if let (Reclaimed::Yes, Some(payload)) = (&reclaimed, active.moved.take())
        && !payload.is_empty()
    {
        active.actor.move_in(payload);
    }
    reclaimed
}

/// Runs one call.
async fn run<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: Option<Box<Active<A>>>,
    call: Call,
) -> Option<Box<Active<A>>> {
    let Some(Call { service, method, cx, body, reply }) = call.still_wanted() else {
        return active;
    };
    let cx = Cx { turn: Some(Arc::clone(cell) as Arc<dyn Callee>), ..cx };
    let (cx, mut span) = cx.span(SpanKind::Turn, method.path);
    if let Some(span) = &mut span {
        span.field("actor", cell.id());
    }
    // Not a message, but that a sender has none under way any more.
    let drained = cx.sender().is_some_and(is_drained);
    let mut active = match active {
        Some(active) => active,
        None => {
            let create = (method.create && !drained) || cell.resident;
            match Box::pin(activate(cell, &cx, Some(method), create)).await {
                Ok(active) => active,
                Err(answer) => {
                    // The timers that it has set are its end too.
                    cell.used(false);
                    reply.send_encoded(answer);
                    return None;
                }
            }
        }
    };
    if drained {
        active.commands.drained(&cx);
        reply.send_encoded(Ok(Bytes::new()));
        return keep(cell, active);
    }
    if let Some(answer) = active.commands.before(&cell.room.config, &cell.app.env, &cx, method) {
        return finish(cell, active, method, reply, answer);
    }
    if !method.create && !active.actor.state().exists() {
        let missing = Status::not_run(Code::NotFound, reason::NO_SUCH_ENTITY, no_such(cell.id()));
        return finish(cell, active, method, reply, Err(missing));
    }
    // It would wait for a commit that does not come.
    let waits = method.durable || active.commits.holds();
    if waits && cell.room.has_rows && cell.app.outage.lasts(&cell.app.env) {
        let why = format!("{} cannot be saved now: its store takes no writes", cell.id());
        reply.send::<()>(Err(Status::not_run(Code::Unavailable, reason::STORE, why)));
        return keep(cell, active);
    }
    cell.app.counters.turns.add(1);
    let turn = S::dispatch(&mut active.actor, &cx, service, method.index, body);
    let result = match guarded(cell, &cx, turn).await {
        Ok(result) => result,
        Err(ended) => {
            reply.send::<()>(Err(ended.status(&cell.app.counters, cell.id(), method.path)));
            drop_activation(cell, active).await;
            return None;
        }
    };
    let recorded = active.commands.bytes_of(&cx, method, &result);
    let (mut result, next) = end_turn(cell, &mut active, method.keep_on_error, recorded, result);
    if let Some(span) = &mut span {
        span.set(result.as_ref().err().map_or(Code::Ok, Status::code));
        // What it has changed is saved as a part of its trace, now or later.
        active.trace = cx.trace().cloned();
    }
    active.commands.record(&cell.room.config, &cell.app.env, &cx, method, &result);
    if next == Next::Settle {
        result = match settled(cell, &mut active, &cx, method, result).await {
            Ok(result) => result,
            Err(over) => {
                reply.send::<()>(Err(over));
                return None;
            }
        };
    }
    finish(cell, active, method, reply, result)
}

/// What a call is answered whose turn is committed alone.
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
    match Box::pin(settle(cell, active)).await {
        Settled::Yes => Ok(result),
        Settled::No(status) if status.effect() == Effect::NotRun => {
            active.commands.forget_record(cx, method);
            Ok(Err(status))
        }
        Settled::No(status) => {
            let refused = Err(status);
            active.commands.record(&cell.room.config, &cell.app.env, cx, method, &refused);
            Ok(refused)
        }
        Settled::Over => {
            let why = "another owner has the rows; what the call has changed was not saved";
            Err(Status::new(Code::Aborted, why).with_reason(reason::NOT_THE_OWNER))
        }
    }
}

/// The reply of a turn, or of one that was run before, and the end of it.
fn finish<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    method: &'static MethodDesc,
    reply: ReplyPort,
    answer: Answer,
) -> Option<Box<Active<A>>> {
    if method.durable && !cell.app.lacks(Mutation::CommitBeforeReply) {
        want_commit(cell, &mut active);
    }
    // Rule 25: after the state was read, just before it is sent. What waits for the store needs no clock (rule 14).
    let waits = method.durable && active.commits.holds();
    if !waits && !cell.holds(active.token.epoch) {
        let why = format!("{}: the lease ran out during the turn", method.path);
        let status = Status::new(Code::Unavailable, why).with_reason(reason::NOT_THE_OWNER);
        reply.send::<()>(Err(status));
        return keep(cell, active);
    }
    match cell.app.lacks(Mutation::ReadsWaitForCommits) && !method.durable {
        true => reply.send_encoded(answer),
        false => active.commits.answer(reply, answer),
    }
    keep(cell, active)
}

/// Activates a resident that nobody has called.
async fn enter<A: Actor, S: ActorServices<A>>(cell: &Arc<Cell<A, S>>) -> Option<Box<Active<A>>> {
    match Box::pin(activate(cell, &turn_cx(cell), None, true)).await {
        Ok(active) => keep(cell, active),
        Err(answer) => {
            tracing::warn!(actor = %outside(cell.id()), ?answer, "a resident is not active; trying again");
            cell.used(false);
            None
        }
    }
}

/// Runs the message of a timer, as a call whose answer nobody waits for.
async fn on_timer<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    service: usize,
    Message { method, body, .. }: Message,
) -> Option<Box<Active<A>>> {
    if !method.create && !active.actor.state().exists() {
        return keep(cell, active);
    }
    cell.app.counters.turns.add(1);
    let cx = turn_cx(cell);
    let turn = S::dispatch(&mut active.actor, &cx, service, method.index, body);
    let ran = guarded(cell, &cx, turn).await.map(|ran| ran.map(drop));
    let active = own_turn(cell, active, (method.path, method.keep_on_error), ran, || {}).await?;
    keep(cell, active)
}

/// Runs a turn that the actor's row asks for.
async fn on_later<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    turn: LaterTurn,
) -> Option<Box<Active<A>>> {
    let OwnCall { method, body } = turn.call().clone();
    let service = cell.room.service(method);
    let mut ran = Ok(Ok(()));
    if let (Ok(service), true) = (service, method.create || active.actor.state().exists()) {
        cell.app.counters.turns.add(1);
        let cx = Cx { cause: turn.cause(), ..turn_cx(cell) };
        let turn = S::dispatch(&mut active.actor, &cx, service, method.index, body);
        ran = guarded(cell, &cx, turn).await.map(|ran| ran.map(drop));
    }
    // Rule 27: what it has changed, and that it is done, are one write.
    let done = || {
        let _no_later = cell.with_later(|later| later.ran(&turn));
    };
    let name = (method.path, method.keep_on_error);
    let mut active = own_turn(cell, active, name, ran, done).await?;
    if method.durable {
        want_commit(cell, &mut active);
    }
    keep(cell, active)
}

async fn tick<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
) -> Option<Box<Active<A>>> {
    let cx = turn_cx(cell);
    let ran = guarded(cell, &cx, active.actor.tick(&cx)).await;
    let mut active = own_turn(cell, active, ("tick", false), ran, || {}).await?;
    if is_dirty(cell, &mut active) {
        cell.save_later();
    }
    Some(active)
}

/// The end of a turn: what changed is saved in time, and an actor without entity leaves.
fn keep<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
) -> Option<Box<Active<A>>> {
    if is_dirty(cell, &mut active) {
        cell.save_later();
    } else if !active.actor.state().exists() {
        let dropped = cell.with_later(|later| later.outbox.drop_new()).unwrap_or_default();
        if dropped > 0 {
            tracing::error!(actor = %outside(cell.id()), dropped, "messages of an actor without entity");
        }
        close_missing(cell, &mut active);
    }
    Some(active)
}

/// Saves, runs the last turn, saves again. An actor whose changes the store does not take stays in memory.
async fn deactivate<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    why: Why,
) -> Option<Box<Active<A>>> {
    let cx = turn_cx(cell);
    for last in [false, true] {
        match save_within(cell, &mut active, why).await {
            Some(true) => {}
            Some(false) => return None,
            None => {
                cell.used(true);
                return keep(cell, active);
            }
        }
        if !last {
            let ran = guarded(cell, &cx, active.actor.deactivate(&cx, why)).await;
            active = own_turn(cell, active, ("deactivate", false), ran.map(Ok), || {}).await?;
        }
    }
    cell.app.counters.deactivations.add(1);
    cell.used(false);
    None
}

/// The last turn here, the last save, and what goes to the next owner (rule 18). The actor stays as it is until the slot is gone.
async fn leave<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    ticket: Ticket,
) -> Option<Box<Active<A>>> {
    let cx = turn_cx(cell);
    let ran = guarded(cell, &cx, active.actor.deactivate(&cx, Why::Moved)).await;
    let mut active = own_turn(cell, active, ("deactivate", false), ran.map(Ok), || {}).await?;
    let saved = match cell.app.lacks(Mutation::SaveBeforeHandover) {
        true => Some(true),
        false => save_to_leave(cell, &mut active).await,
    };
    match saved {
        Some(true) => {}
        Some(false) => return None,
        None => {
            ticket.fails();
            return Some(active);
        }
    }
    let Ok(state) = catch_unwind(AssertUnwindSafe(|| active.actor.move_out())) else {
        Ended::Panicked.status(&cell.app.counters, cell.id(), "move_out");
        drop_activation(cell, active).await;
        return None;
    };
    let commands: Bytes = active.commands.all(cell.app.env.now()).encode_to_vec().into();
    active.moved = Some(state.clone());
    if !state.is_empty() || !commands.is_empty() {
        ticket.gives(Payload { key: cell.key.clone(), state, commands, unused: Duration::ZERO });
    }
    Some(active)
}

fn turn_cx<A: Actor, S: ActorServices<A>>(cell: &Arc<Cell<A, S>>) -> Cx {
    let turn = Some(Arc::clone(cell) as Arc<dyn Callee>);
    let resources = cell.app.snapshots.version();
    Cx { turn, resources, ..Cx::outside(Arc::clone(&cell.app)) }
}

/// Runs a turn: a panic and the limit are its own end and nobody else's.
async fn guarded<A: Actor, S: ActorServices<A>, F: Future>(
    cell: &Cell<A, S>,
    cx: &Cx,
    turn: F,
) -> Result<F::Output, Ended> {
    cell.begin_turn();
    let context = Context::of(cx);
    let mut turn = std::pin::pin!(AssertUnwindSafe(turn).catch_unwind());
    std::future::poll_fn(|cx| {
        if cell.over_limit.load(Ordering::Relaxed) {
            return Poll::Ready(Err(Ended::OverLimit));
        }
        let poll = || turn.as_mut().poll(cx).map_err(|_| Ended::Panicked);
        within(context.as_ref(), poll)
    })
    .await
}

/// The end of a turn whose answer nobody waits for: an error is for the log.
async fn own_turn<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    name: (&str, bool),
    ran: Result<Result<(), Status>, Ended>,
    done: impl Fn(),
) -> Option<Box<Active<A>>> {
    match ran {
        Ok(result) => {
            let ended = Box::pin(end_own_turn(cell, &mut active, name, result, done));
            ended.await.then_some(active)
        }
        Err(ended) => {
            ended.status(&cell.app.counters, cell.id(), name.0);
            drop_activation(cell, active).await;
            None
        }
    }
}

/// Drops an activation whose turn has ended without a result: what the actor holds outside of its entity may be torn.
async fn drop_activation<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
) {
    cell.app.counters.dropped.add(1);
    if !Box::pin(rescue(cell, &mut active)).await {
        tracing::error!(actor = %outside(cell.id()), "unsaved changes of its earlier turns are lost");
    }
    cell.used(false);
}

pub(super) fn no_such(id: &str) -> String {
    format!("there is no {}", outside(id))
}

/// Lets the worker's other actors run.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
