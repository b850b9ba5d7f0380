//! What an actor does in its turns: activate, run calls, tick, save, deactivate.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::status::reason;
use guildhall_core::store::{Batch, Guard, Op, StoreErrorKind, Value, WAKE, Write};
use guildhall_core::{Code, MethodDesc, Status};
use guildhall_entity::State as _;
use prost::Message as _;

use super::activate::activate;
use super::cell::{Active, Cell};
use super::commands::Commands;
use super::held::Answer;
use super::later::{Later, LaterTurn, wall_ms};
use super::leave::Ticket;
use super::mail::{Job, SaveResult};
use super::outbox::OwnCall;
use super::reclaim::{Reclaimed, reclaim};
use super::saver::Save;
use super::services::ActorServices;
use super::timers::Message;
use super::{Actor, Why};
use crate::chain::Callee;
use crate::cx::Cx;
use crate::mutation::Mutation;
use crate::ownership::Payload;
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
    let mut active = match active {
        Some(active) => active,
        None => {
            let create = method.create || cell.resident;
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
    if let Some(answer) = active.commands.before(&cell.room.config, &cell.app.env, &cx, method) {
        return finish(cell, active, method, reply, answer);
    }
    if !method.create && !active.actor.state().exists() {
        let missing = Status::not_run(Code::NotFound, reason::NO_SUCH_ENTITY, no_such(cell.id()));
        return finish(cell, active, method, reply, Err(missing));
    }
    cell.app.counters.turns.add(1);
    let turn = S::dispatch(&mut active.actor, &cx, service, method.index, body);
    let result = match guarded(cell, &cx, turn).await {
        Ok(result) => result,
        Err(ended) => {
            reply.send::<()>(Err(drop_activation(cell, active, ended, method.path)));
            return None;
        }
    };
    if let Some(span) = &mut span {
        span.set(result.as_ref().err().map_or(Code::Ok, Status::code));
        // What it has changed is saved as a part of its trace, now or later.
        active.trace = cx.trace().cloned();
    }
    active.commands.record(&cell.app.env, &cx, method, &result);
    finish(cell, active, method, reply, result)
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
            tracing::warn!(actor = cell.id(), ?answer, "a resident is not active; trying again");
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
    match guarded(cell, &cx, turn).await {
        Ok(Ok(_)) => {}
        Ok(Err(status)) => {
            let (actor, method) = (cell.id(), method.path);
            tracing::warn!(actor, method, %status, "a timer's turn failed");
        }
        Err(ended) => {
            drop_activation(cell, active, ended, method.path);
            return None;
        }
    }
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
    if let (Ok(service), true) = (service, method.create || active.actor.state().exists()) {
        cell.app.counters.turns.add(1);
        let cx = Cx { firing: turn.firing(), ..turn_cx(cell) };
        let ran = S::dispatch(&mut active.actor, &cx, service, method.index, body);
        match guarded(cell, &cx, ran).await {
            Ok(Ok(_)) => {}
            Ok(Err(status)) => {
                let (actor, method) = (cell.id(), method.path);
                tracing::warn!(actor, method, %status, "a turn of the actor's own failed");
            }
            Err(ended) => {
                drop_activation(cell, active, ended, method.path);
                return None;
            }
        }
    }
    // Rule 27: what it has changed, and that it is done, are one write.
    cell.with_later(|later| later.ran(&turn));
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
    match guarded(cell, &cx, active.actor.tick(&cx)).await {
        Ok(Ok(())) => {}
        Ok(Err(status)) => tracing::warn!(actor = cell.id(), %status, "a tick failed"),
        Err(ended) => {
            drop_activation(cell, active, ended, "tick");
            return None;
        }
    }
    if is_dirty(cell, &mut active) {
        cell.save_later();
    }
    Some(active)
}

/// Whether something is to be saved that is not being saved.
fn is_dirty<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>, active: &mut Active<A>) -> bool {
    let state = active.actor.state();
    state.is_dirty() || (state.exists() && has_records(cell, active))
}

/// Whether there is something for the row beside the state.
fn has_records<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>, active: &Active<A>) -> bool {
    let later = || cell.with_later(|later| later.is_unsaved()) == Some(true);
    cell.room.has_rows && (active.commands.must_save || later())
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
            tracing::error!(actor = cell.id(), dropped, "messages of an actor without entity");
        }
        close_missing(cell, &mut active);
    }
    Some(active)
}

/// An actor without entity leaves, when it has nothing left to send.
fn close_missing<A: Actor, S: ActorServices<A>>(cell: &Arc<Cell<A, S>>, active: &mut Active<A>) {
    let sends = cell.with_later(|later| later.outbox.waiting() > 0) == Some(true);
    if active.actor.state().saving() == 0 && !cell.resident && !sends {
        cell.close(Why::Missing);
    }
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
        if !last && let Err(ended) = guarded(cell, &cx, active.actor.deactivate(&cx, why)).await {
            drop_activation(cell, active, ended, "deactivate");
            return None;
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
    if let Err(ended) = guarded(cell, &cx, active.actor.deactivate(&cx, Why::Moved)).await {
        drop_activation(cell, active, ended, "deactivate");
        return None;
    }
    let saved = match cell.app.lacks(Mutation::SaveBeforeHandover) {
        true => Some(true),
        false => save_all(cell, &mut active).await,
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
        drop_activation(cell, active, Ended::Panicked, "move_out");
        return None;
    };
    let commands: Bytes = active.commands.all().encode_to_vec().into();
    active.moved = Some(state.clone());
    if !state.is_empty() || !commands.is_empty() {
        ticket.gives(Payload { key: cell.key.clone(), state, commands });
    }
    Some(active)
}

/// As [`save_all`]; `None` when the store does not answer, or somebody calls the actor meanwhile. A draining app waits for the
/// store, or ends.
async fn save_within<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
    why: Why,
) -> Option<bool> {
    if why == Why::Drain {
        return Some(save_all(cell, active).await == Some(true));
    }
    let limit = cell.app.env.now() + cell.app.save.timeout();
    let called = std::future::poll_fn(|_| match cell.has_calls() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    });
    tokio::select! {
        biased;
        saved = cell.app.env.until(limit, save_all(cell, active)) => saved.flatten(),
        () = called => None,
    }
}

fn turn_cx<A: Actor, S: ActorServices<A>>(cell: &Arc<Cell<A, S>>) -> Cx {
    let turn = Some(Arc::clone(cell) as Arc<dyn Callee>);
    let resources = cell.app.reloads.resources.version();
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

/// Drops the activation with what it has not saved; the status for who waits.
fn drop_activation<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: Box<Active<A>>,
    ended: Ended,
    method: &str,
) -> Status {
    let counters = &cell.app.counters;
    counters.dropped.add(1);
    let status = ended.status(counters, cell.id(), method);
    tracing::error!(actor = cell.id(), "its unsaved changes are lost");
    cell.used(false);
    drop(active);
    status
}

/// Replies from now on show what is committed: what earlier turns have changed, and a save still carries, included.
fn want_commit<A: Actor, S: ActorServices<A>>(cell: &Arc<Cell<A, S>>, active: &mut Active<A>) {
    begin_save(cell, active);
    // Dirty with nothing in flight: the lease has run out, and the save waits for it.
    let more = is_dirty(cell, active);
    if active.actor.state().saving() > 0 || more {
        active.commits.want(more);
    }
}

/// Hands the unsaved changes to the saver, unless a save is in flight: then they are for the next one.
fn begin_save<A: Actor, S: ActorServices<A>>(cell: &Arc<Cell<A, S>>, active: &mut Active<A>) {
    let state = active.actor.state();
    if state.saving() > 0 {
        return;
    }
    // Rule 6: no new write after the deadline.
    if !cell.holds(active.token.epoch) {
        cell.save_later();
        return;
    }
    let token = &active.token;
    let op = |change: guildhall_entity::RowChange| Op {
        row: change.row,
        guard: Guard::Owner(token.clone(), change.version),
        write: change.write,
        records: None,
    };
    // Rule 30: state, reply and id are one write, of the first row. A command that has changed nothing asks for none: should its
    // record be lost with the process, it runs again as if for the first time, as nobody has seen it run.
    let must = has_records(cell, active);
    let state = active.actor.state();
    let with_records = must || (active.commands.unsaved && state.is_dirty());
    let mut ops: Vec<Op> = state.take_save(with_records).into_iter().map(op).collect();
    let exists = state.exists();
    if let Some(first) = ops.first_mut() {
        if must || active.commands.unsaved {
            put_records(cell, &mut active.commands, exists, first);
        }
        let saved = Arc::clone(cell) as Arc<dyn super::saver::Saved>;
        let (activation, trace) = (token.activation, active.trace.take());
        let held = active.commits.begin();
        cell.app.saver.submit(Save { batch: Batch { ops }, activation, saved, held, trace });
    }
}

/// Rules 27 and 30: what the actor has to do, and what commands have come to, are in the same write as the state.
fn put_records<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    commands: &mut Commands,
    exists: bool,
    first: &mut Op,
) {
    let mut records = commands.take_for_row(&cell.room.config, &cell.app.env);
    let now_ms = wall_ms(&cell.app.env);
    let is_first =
        A::State::tables().first().is_some_and(|table| table.name == first.row.table.name);
    let save = |later: &mut Later| later.save(exists, &mut records, now_ms);
    let wake_ms = if is_first { cell.with_later(save) } else { None };
    first.records = Some(records.encode_to_vec().into());
    if let (Some(wake_ms), true, Write::Create(columns) | Write::Update(columns)) =
        (wake_ms, cell.room.wakes, &mut first.write)
    {
        columns.push((WAKE.number, Value::Uint(wake_ms)));
    }
}

/// Waits until all changes are saved; false when the rows belong to somebody else, `None` when it is not known who owns them.
async fn save_all<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Option<bool> {
    loop {
        begin_save(cell, active);
        if active.actor.state().saving() == 0 && !is_dirty(cell, active) {
            return Some(true);
        }
        if active.actor.state().saving() > 0 {
            let (activation, result) = std::future::poll_fn(|_| cell.poll_saved()).await;
            let failed = result.is_err();
            if !apply_saved(cell, active, activation, result) {
                return Some(false);
            }
            if !failed {
                continue;
            }
        } else if !cell.room.slots.is_fresh(cell.slot, active.token.epoch) {
            return None;
        }
        // The store has said in the log why not; or the lease has run out, and may come back.
        cell.app.env.sleep(cell.app.save.retry()).await;
    }
}

/// Tells the state what became of its save; false when the activation is over.
pub(super) fn apply_saved<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
    activation: u64,
    result: SaveResult,
) -> bool {
    if activation != active.token.activation {
        return true;
    }
    let state = active.actor.state();
    match result {
        Ok(versions) => {
            state.saved(&versions);
            cell.with_later(|later| later.saved(true));
            let all = !is_dirty(cell, active);
            active.commits.committed(all);
            if all && !active.actor.state().exists() {
                close_missing(cell, active);
            }
            cell.send_out();
        }
        Err(error) if matches!(error.kind, StoreErrorKind::Refused { .. }) => {
            let id = cell.id();
            tracing::error!(actor = id, %error, "another owner has the rows; unsaved changes are lost");
            cell.app.counters.dropped.add(1);
            cell.used(false);
            // Rule 11: who holds the slot?
            if let StoreErrorKind::Refused { row_epoch } = error.kind {
                cell.app.ownership.doubt(&cell.room.slots, cell.slot, row_epoch);
            }
            return false;
        }
        Err(error) => {
            tracing::error!(actor = cell.id(), %error, "not saved; it will be tried again");
            state.not_saved();
            active.commits.failed();
            active.commands.not_saved();
            cell.with_later(|later| later.saved(false));
        }
    }
    if is_dirty(cell, active) {
        match active.commits.next_is_wanted() {
            true => begin_save(cell, active),
            false => cell.save_later(),
        }
    }
    true
}

/// Drops what an actor has not saved: its slot is another app's.
pub(super) fn drop_unsaved<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    if is_dirty(cell, active) {
        cell.app.counters.dropped.add(1);
        tracing::error!(
            actor = cell.id(),
            "its slot is another app's; its unsaved changes are lost"
        );
    }
    cell.used(false);
}

pub(super) fn no_such(id: &str) -> String {
    format!("there is no {id}")
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
