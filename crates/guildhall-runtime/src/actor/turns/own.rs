//! Turns without a call: of timers, reminders, refused messages, ticks; and activations without a call.

use std::sync::Arc;

use guildhall_core::outside;
use guildhall_entity::ActorState as _;

use super::end::end;
use super::guarded::{end_uncalled, guarded, turn_cx};
use crate::actor::Actor;
use crate::actor::engine::{Active, Cell, Message};
use crate::actor::outbox::{LaterTurn, OwnCall};
use crate::actor::persistence::{activate, is_dirty, want_commit};
use crate::actor::services::ActorServices;

/// Activates an actor that no call has asked for: a resident, or one with a due row.
pub(crate) async fn activate_uncalled<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
) -> Option<Box<Active<A>>> {
    match activate(cell, &turn_cx(cell, None), None, true).await {
        Ok(active) => end(cell, active),
        Err(answer) => {
            tracing::warn!(actor = %outside(&cell.id), ?answer, "a resident was not activated; retrying");
            cell.deactivated();
            None
        }
    }
}

/// Runs the message of a timer, as a call without a caller.
pub(crate) async fn run_timer<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    service: usize,
    Message { method, body, .. }: Message,
) -> Option<Box<Active<A>>> {
    if !method.create && !active.actor.state().exists() {
        return end(cell, active);
    }
    cell.core().counters.turns.add(1);
    let cx = turn_cx(cell, None);
    let turn = S::dispatch(&mut active.actor, &cx, service, method.index, body.into());
    let ran = guarded(cell, &cx, turn).await.map(|ran| ran.map(drop));
    let name = (method.path, method.keep_on_error);
    let active = end_uncalled(cell, active, name, ran, || {}).await?;
    end(cell, active)
}

/// Runs a turn that the actor's row has begun: a reminder, or a message that its receiver has refused.
pub(crate) async fn run_later<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    turn: LaterTurn,
) -> Option<Box<Active<A>>> {
    let OwnCall { method, body } = turn.call().clone();
    let service = cell.host.service(method);
    let mut ran = Ok(Ok(()));
    if let (Ok(service), true) = (service, method.create || active.actor.state().exists()) {
        cell.core().counters.turns.add(1);
        let cx = turn_cx(cell, turn.cause());
        let turn = S::dispatch(&mut active.actor, &cx, service, method.index, body.into());
        ran = guarded(cell, &cx, turn).await.map(|ran| ran.map(drop));
    }
    // Rule 27: its changes, and that it is done, are one write.
    let done = || {
        let _no_later = cell.with_later(|later| later.ran(&turn));
    };
    let name = (method.path, method.keep_on_error);
    let mut active = end_uncalled(cell, active, name, ran, done).await?;
    if method.durable {
        want_commit(cell, &mut active);
    }
    end(cell, active)
}

pub(crate) async fn run_tick<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
) -> Option<Box<Active<A>>> {
    let cx = turn_cx(cell, None);
    let ran = guarded(cell, &cx, active.actor.tick(&cx)).await;
    let mut active = end_uncalled(cell, active, ("tick", false), ran, || {}).await?;
    if is_dirty(cell, &mut active) {
        cell.save_later();
    }
    Some(active)
}
