//! Activation: claims the rows, if there are any, and makes the actor. There is no other way into memory.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{ActorKey as _, Code, Effect, MethodDesc, Status, outside};
use guildhall_entity::ActorState as _;
use guildhall_ownership::Payload;
use prost::Message as _;

use super::atomic::keep_activation;
use super::claim::{Found, Wanted, claim, without_rows};
use crate::actor::engine::{Active, Cell};
use crate::actor::records::{Answer, Records};
use crate::actor::services::ActorServices;
use crate::actor::{Actor, ActorCx};
use crate::observe::trace::context::{self, within};
use crate::proto;

/// Begins the actor, or gives the answer to the call that wants it. Without `create` it must exist already.
pub(crate) async fn activate<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    cx: &ActorCx,
    method: Option<&'static MethodDesc>,
    create: bool,
) -> Result<Box<Active<A>>, Answer> {
    let Some(key) = A::Key::from_text(cell.key()) else {
        let why = format!("{} is not a key of {}", outside(cell.key()), A::NAME);
        return Err(Err(Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why)));
    };
    let wanted = Wanted { cx, method, create };
    let mut context = cx.context();
    let mut began = None;
    let Found { claim, mut kept, mut state } = match A::State::nothing() {
        Some(state) => without_rows(cell, wanted, state)?,
        None => {
            // In a box of its own: an activation that has no rows does not move what it takes to wait for them.
            let mut claim = Box::pin(claim(cell, wanted));
            in_time(cell, &mut began, &mut context, claim.as_mut()).await??
        }
    };
    state.begin_turns();
    let begun = pin!(AssertUnwindSafe(A::activate(cx, key, state)).catch_unwind());
    let begun = in_time(cell, &mut began, &mut context, begun).await?;
    let actor = begun.unwrap_or_else(|_| Err(within(&mut context, || panicked(cell))));
    let mut actor = actor.map_err(|status| Err(refused(status)))?;
    if let Some(payload) = take_payload(cell) {
        within(&mut context, || take_over(cell, payload, &mut kept, &mut actor));
    }
    cell.core().counters.activations.add(1);
    cell.activated();
    let mut active = Box::new(Active::new(actor, claim, kept));
    cell.send_out();
    keep_activation(cell, &mut active);
    Ok(active)
}

/// Runs a step of an activation. Its time begins when it first waits.
async fn in_time<A: Actor, S: ActorServices<A>, T>(
    cell: &Cell<A, S>,
    began: &mut Option<Instant>,
    context: &mut Option<context::Context>,
    mut step: Pin<&mut (impl Future<Output = T> + Send)>,
) -> Result<T, Answer> {
    let mut poll = |cx: &mut Context<'_>| within(context, || step.as_mut().poll(cx));
    if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(poll(cx))).await {
        return Ok(done);
    }
    let env = &cell.core().env;
    let limit = Duration::from_millis(cell.host.config.activate_ms);
    let deadline = *began.get_or_insert_with(|| env.now()) + limit;
    let done = env.until(deadline, poll_fn(poll)).await;
    done.ok_or_else(|| {
        let why = format!("{} was not activated within {limit:?}", outside(&cell.id));
        Err(Status::not_run(Code::Unavailable, reason::STORE, why))
    })
}

fn panicked<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>) -> Status {
    cell.core().counters.panics.add(1);
    tracing::error!(actor = %outside(&cell.id), "actor panicked in `activate`");
    let why = format!("{} panicked in `activate`", outside(&cell.id));
    Status::new(Code::Internal, why).with_reason(reason::PANICKED)
}

/// The answer to a call whose actor refuses to be activated: it has not run.
fn refused(status: Status) -> Status {
    // What a call in `activate` was told of another actor's place says nothing of this one's.
    let status = match status.reason() {
        reason::MOVED => status.with_reason(reason::NOT_READY),
        _ => status,
    };
    status.with_effect(Effect::NotRun)
}

/// What the owner before has given.
fn take_payload<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>) -> Option<Payload> {
    let payloads = &cell.host.payloads;
    if payloads.is_empty() {
        return None;
    }
    payloads.take(cell.slot, cell.key(), cell.core().env.now(), cell.host.config.idle())
}

/// Beside what the actor wants, what has come of commands that are in no row.
fn take_over<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    payload: Payload,
    kept: &mut Records,
    actor: &mut A,
) {
    match proto::Records::decode(payload.commands) {
        Ok(records) => kept.take_in(records, cell.core().env.now()),
        Err(error) => {
            tracing::error!(actor = %outside(&cell.id), %error, "command records cannot be decoded")
        }
    }
    if !payload.state.is_empty() {
        actor.move_in(payload.state);
    }
}
