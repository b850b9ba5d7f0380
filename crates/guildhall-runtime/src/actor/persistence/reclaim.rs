//! After a suspension, an actor continues from memory only if its rows had no other owner meanwhile (rule 6).

use std::future::poll_fn;
use std::sync::Arc;

use guildhall_core::status::reason;
use guildhall_core::store::StoreErrorKind;
use guildhall_core::{Code, Status, outside};
use guildhall_entity::ActorState as _;

use super::save::{apply_saved, drop_unsaved};
use crate::actor::Actor;
use crate::actor::engine::{Active, Cell};
use crate::actor::services::ActorServices;

use crate::mutation::Mutation;

/// Whether an actor may go on.
pub(crate) enum Reclaimed {
    Yes,
    /// Its rows had another owner.
    No,
    /// The slot is not served, or the store does not answer.
    NotNow,
}

/// Claims the rows of an active actor under the present grant, unless it holds them under it already.
pub(crate) async fn reclaim<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Reclaimed {
    let goes_on = cell.core().lacks(Mutation::ClaimAfterSuspension);
    if goes_on || cell.host.slots.is_fresh(cell.slot, active.epoch) {
        return Reclaimed::Yes;
    }
    // The result of a write in flight comes first: a write of this activation must not look like one of another.
    while active.actor.state().saving() > 0 {
        let (activation, result) = poll_fn(|_| cell.poll_saved()).await;
        if !apply_saved(cell, active, activation, result) {
            return Reclaimed::No;
        }
    }
    let epoch = cell.host.slots.epoch(cell.slot);
    let unanswered = active.between().claiming.take().filter(|(of, _)| *of == epoch);
    let Some(claim) = unanswered.or_else(|| next_claim(cell).ok()) else {
        return Reclaimed::NotNow;
    };
    let rows = A::State::rows(&cell.row_key());
    let claimed = match cell.part().store() {
        Some(store) if !rows.is_empty() => {
            let deadline = cell.core().env.now() + cell.part().save.timeout();
            match cell.core().env.until(deadline, store.claim(&rows, cell.token(claim))).await {
                Some(Ok(claimed)) => claimed,
                Some(Err(error)) if matches!(error.kind, StoreErrorKind::Refused { .. }) => {
                    Vec::new()
                }
                Some(Err(_)) | None => {
                    active.between().claiming = Some(claim);
                    return Reclaimed::NotNow;
                }
            }
        }
        // Without rows it is unknown whether another app had the actor.
        _ => Vec::new(),
    };
    let versions: Vec<u64> = claimed.iter().map(|row| row.version).collect();
    // Versions only grow, by one with each claim and write: known + 1 is this claim and nothing else.
    if versions.is_empty() || !active.actor.state().claimed_again(&versions) {
        tracing::warn!(actor = %outside(&cell.id), "another app owned the rows during a suspension; the activation ends");
        drop_unsaved(cell, active);
        return Reclaimed::No;
    }
    (active.epoch, active.activation) = claim;
    active.between = active.between.take().filter(|between| between.moved.is_some());
    Reclaimed::Yes
}

/// The epoch and the number of the next claim: each activation has its own.
pub(crate) fn next_claim<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
) -> Result<(u64, u64), Status> {
    match cell.host.slots.epoch(cell.slot) {
        0 => {
            let why = format!("{} is not owned here just now", outside(&cell.id));
            Err(Status::not_run(Code::Unavailable, reason::NOT_READY, why))
        }
        epoch => Ok((epoch, cell.host.next_number())),
    }
}
