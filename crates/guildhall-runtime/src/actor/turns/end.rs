//! The end of a turn, and of an activation: what is saved when, and the last turn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::outside;
use guildhall_entity::ActorState as _;
use guildhall_ownership::Payload;
use prost::Message as _;

use super::guarded::{drop_activation, end_uncalled, guarded, turn_cx};
use crate::actor::engine::{Active, Cell, Ticket};
use crate::actor::persistence::{close_missing, is_dirty, save_to_leave, save_within};
use crate::actor::services::ActorServices;
use crate::actor::{Actor, DeactivateReason};
use crate::call::turn::Ended;
use crate::mutation::Mutation;

/// As [`after_turn`]; the actor.
pub(crate) fn end<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
) -> Option<Box<Active<A>>> {
    after_turn(cell, &mut active);
    Some(active)
}

/// The end of a turn: changes are saved in time, and an actor without entity leaves.
#[inline]
pub(crate) fn after_turn<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    if is_dirty(cell, active) {
        cell.save_later();
    } else if !active.actor.state().exists() {
        end_without_entity(cell, active);
    }
}

fn end_without_entity<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    let dropped = cell.with_later(|later| later.outbox.drop_new()).unwrap_or_default();
    if dropped > 0 {
        tracing::error!(actor = %outside(&cell.id), dropped, "outbox messages of an actor without entity are dropped");
    }
    close_missing(cell, active);
}

/// Saves, runs the last turn, saves again. An actor whose changes the store does not take stays in memory.
pub(crate) async fn deactivate<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    reason: DeactivateReason,
) -> Option<Box<Active<A>>> {
    let cx = turn_cx(cell, None);
    for last in [false, true] {
        match save_within(cell, &mut active, reason).await {
            Some(true) => {}
            Some(false) => return None,
            None => {
                cell.activated();
                return end(cell, active);
            }
        }
        if !last {
            let ran = guarded(cell, &cx, active.actor.deactivate(&cx, reason)).await;
            let name = ("deactivate", false);
            active = end_uncalled(cell, active, name, ran.map(Ok), || {}).await?;
        }
    }
    cell.core().counters.deactivations.add(1);
    cell.deactivated();
    None
}

/// The last turn here, the last save, and the payload for the next owner (rule 18). The actor stays as it is until the slot is gone.
pub(crate) async fn leave<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    ticket: Ticket,
) -> Option<Box<Active<A>>> {
    let cx = turn_cx(cell, None);
    let ran = guarded(cell, &cx, active.actor.deactivate(&cx, DeactivateReason::Moved)).await;
    let mut active = end_uncalled(cell, active, ("deactivate", false), ran.map(Ok), || {}).await?;
    let saved = match cell.core().lacks(Mutation::SaveBeforeHandover) {
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
        Ended::Panicked.status(&cell.core().counters, &cell.id, "move_out");
        drop_activation(cell, active).await;
        return None;
    };
    let commands: Bytes = active.records.all(cell.core().env.now()).encode_to_vec().into();
    active.between().moved = Some(state.clone());
    if !state.is_empty() || !commands.is_empty() {
        ticket.gives(Payload { key: cell.row_key(), state, commands, unused: Duration::ZERO });
    }
    Some(active)
}
