//! After a suspension: an actor continues with its memory only if no other activation has had its rows (rule 6).

use std::future::poll_fn;
use std::sync::Arc;

use guildhall_core::outside;
use guildhall_core::store::StoreErrorKind;
use guildhall_entity::State as _;

use super::Actor;
use super::activate::token;
use super::cell::{Active, Cell};
use super::saves::{apply_saved, drop_unsaved};
use super::services::ActorServices;

use crate::chain::Callee as _;
use crate::mutation::Mutation;

/// Whether an actor may go on.
pub(super) enum Reclaimed {
    Yes,
    /// Its rows have been somebody else's.
    No,
    /// The slot is not served, or the store does not answer.
    NotNow,
}

/// Claims the rows of an active actor under the present grant, unless it holds them under it already.
pub(super) async fn reclaim<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Reclaimed {
    let goes_on = cell.app.lacks(Mutation::ClaimAfterSuspension);
    if goes_on || cell.room.slots.is_fresh(cell.slot, active.token.epoch) {
        return Reclaimed::Yes;
    }
    // What is under way is known first: a write of our own must not look like one of somebody else.
    while active.actor.state().saving() > 0 {
        let (activation, result) = poll_fn(|_| cell.poll_saved()).await;
        if !apply_saved(cell, active, activation, result) {
            return Reclaimed::No;
        }
    }
    let epoch = cell.room.slots.epoch(cell.slot);
    let unanswered = active.claiming.take().filter(|token| token.epoch == epoch);
    let Some(token) = unanswered.or_else(|| token(cell).ok()) else { return Reclaimed::NotNow };
    let rows = A::State::rows(&cell.key);
    let claimed = match cell.app.store() {
        Some(store) if !rows.is_empty() => {
            let deadline = cell.app.env.now() + cell.app.save.timeout();
            match cell.app.env.until(deadline, store.claim(&rows, token.clone())).await {
                Some(Ok(claimed)) => claimed,
                Some(Err(error)) if matches!(error.kind, StoreErrorKind::Refused { .. }) => {
                    Vec::new()
                }
                Some(Err(_)) | None => {
                    active.claiming = Some(token);
                    return Reclaimed::NotNow;
                }
            }
        }
        // Without rows nobody can say whether another app has had it.
        _ => Vec::new(),
    };
    let versions: Vec<u64> = claimed.iter().map(|row| row.version).collect();
    // Versions only grow, by one with each claim and write: known + 1 is this claim and nothing else.
    if versions.is_empty() || !active.actor.state().claimed_again(&versions) {
        tracing::warn!(actor = %outside(cell.id()), "somebody else has owned it during a suspension");
        drop_unsaved(cell, active);
        return Reclaimed::No;
    }
    active.token = token;
    Reclaimed::Yes
}
