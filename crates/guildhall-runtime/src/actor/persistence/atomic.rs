//! The end of a turn: all of its changes stay, or none.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status, outside};
use guildhall_entity::{ActorState as _, Turned};

use super::reclaim::{Reclaimed, reclaim};
use super::save::{apply_saved, begin_save, is_dirty, save_all};
use crate::actor::Actor;
use crate::actor::engine::{Active, Cell, Next};
use crate::actor::saver::is_final;
use crate::actor::services::ActorServices;
use crate::mutation::Mutation;
use crate::serve::rows;

/// What the store has said.
pub(crate) enum Settled {
    Yes,
    /// The turn was taken back.
    No(Status),
    /// The activation is over: another owner has the rows.
    Over,
}

/// Ends a turn with what it has come to: an error takes back what it has changed, unless its method `keeps` that. So does a change
/// that could be written and not read again. `reply` is how many bytes of it a record will need.
#[inline]
pub(crate) fn end_turn<A: Actor, S: ActorServices<A>, T>(
    cell: &Cell<A, S>,
    active: &mut Active<A>,
    keeps: bool,
    reply: usize,
    result: Result<T, Status>,
) -> (Result<T, Status>, Next) {
    // Most turns change nothing.
    if !active.actor.state().has_turned() && !cell.later_turned() && reply == 0 {
        return (result, Next::Nothing);
    }
    end_changed(cell, active, keeps, reply, result)
}

fn end_changed<A: Actor, S: ActorServices<A>, T>(
    cell: &Cell<A, S>,
    active: &mut Active<A>,
    keeps: bool,
    reply: usize,
    result: Result<T, Status>,
) -> (Result<T, Status>, Next) {
    let keeps = keeps || cell.core().lacks(Mutation::FailedTurnsChangeNothing);
    if result.is_err() && !keeps {
        undo_changes(cell, active);
        return (result, Next::Nothing);
    }
    let turned = active.actor.state().turned();
    if let Err(status) = fits(cell, active, turned, reply) {
        undo_changes(cell, active);
        return (Err(status), Next::Nothing);
    }
    if turned.unique {
        return (result, Next::Settle);
    }
    keep_changes(cell, active);
    (result, Next::Nothing)
}

/// Whether the rows can be written, and read again.
fn fits<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    active: &mut Active<A>,
    turned: Turned,
    reply: usize,
) -> Result<(), Status> {
    if let Some((table, column)) = turned.too_deep {
        let why = format!(
            "{}: column {column} of table {table} has messages that are nested too deep to be read again",
            outside(&cell.id)
        );
        return Err(refused(Code::InvalidArgument, why));
    }
    let max = cell.part().tables.row_max;
    let known = turned.size + active.records.row_bytes() + reply;
    // A quarter is for records that the row may have twice.
    if !cell.host.has_rows() || known <= max - max / 4 {
        return Ok(());
    }
    active.records.encode_anew();
    // Some of the records may not be needed any more.
    let later = cell.with_later(|later| later.bytes()).unwrap_or_default();
    let bytes = turned.size + active.records.bytes_for_row() + later + reply;
    if bytes <= max {
        return Ok(());
    }
    let id = outside(&cell.id);
    let why = format!("{id} would have {bytes} bytes in its rows (store.row_max = {max})");
    Err(refused(Code::ResourceExhausted, why))
}

fn refused(code: Code, why: String) -> Status {
    Status::new(code, why).with_reason(reason::TOO_LARGE).with_effect(Effect::Ran)
}

fn keep_changes<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>, active: &mut Active<A>) {
    active.actor.state().keep_turn();
    if cell.end_later_turn() {
        cell.with_later(|later| later.keep_turn());
    }
}

/// What an activation changes stays: no turn takes it back.
pub(crate) fn keep_activation<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    active: &mut Active<A>,
) {
    active.actor.state().turned();
    keep_changes(cell, active);
}

fn undo_changes<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>, active: &mut Active<A>) {
    active.actor.state().undo_turn();
    if cell.end_later_turn() {
        cell.with_later(|later| later.undo_turn());
    }
}

/// Commits a turn before the next one begins: should the store refuse it for good, nobody has built on it, and it is taken back
/// alone.
pub(crate) async fn settle<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Settled {
    active.settles = true;
    let settled = settled(cell, active).await;
    (active.settles, active.alone) = (false, false);
    match &settled {
        Settled::Yes => keep_changes(cell, active),
        Settled::No(_) => {
            undo_changes(cell, active);
            let more = is_dirty(cell, active);
            if active.commits.taken_back(more) {
                begin_save(cell, active);
            }
        }
        Settled::Over => {}
    }
    settled
}

async fn settled<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Settled {
    let limit = cell.core().env.now() + cell.part().save.timeout();
    loop {
        begin_save(cell, active);
        if active.actor.state().saving() > 0 {
            let ours = active.alone;
            let (activation, result) = poll_fn(|_| cell.poll_saved()).await;
            match &result {
                Err(error) if ours && activation == active.activation && is_final(error) => {
                    tracing::warn!(actor = %outside(&cell.id), %error, "turn refused by the store and rolled back");
                    let status = rows::status(error).with_effect(Effect::Ran);
                    active.actor.state().not_saved();
                    active.records.not_saved();
                    cell.with_later(|later| later.saved(false));
                    return Settled::No(status);
                }
                _ => {}
            }
            if !apply_saved(cell, active, activation, result) {
                return Settled::Over;
            }
            if ours {
                return Settled::Yes;
            }
            continue;
        }
        // Nothing is under way: the lease has run out, and may come back.
        let reclaimed = reclaim(cell, active).await;
        if matches!(reclaimed, Reclaimed::No) {
            return Settled::Over;
        }
        if cell.core().env.now() >= limit {
            let why = format!("{}: the lease ran out during the turn", outside(&cell.id));
            let status = Status::not_run(Code::Unavailable, reason::NOT_THE_OWNER, why);
            return Settled::No(status);
        }
        if matches!(reclaimed, Reclaimed::NotNow) || !cell.holds(active.epoch) {
            cell.core().env.sleep(cell.part().save.retry()).await;
        }
    }
}

/// The end of a turn of the actor's own, whose errors are for the log; false when the activation is over.
pub(crate) async fn end_own_turn<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
    (name, keeps): (&str, bool),
    result: Result<(), Status>,
    done: impl Fn(),
) -> bool {
    let (result, next) = end_turn(cell, active, keeps, 0, result);
    done();
    let failed = match (result, next) {
        (Err(status), _) => Some(status),
        (Ok(()), Next::Nothing) => None,
        (Ok(()), Next::Settle) => match settle(cell, active).await {
            Settled::Yes => None,
            Settled::No(status) => {
                // With what was taken back it may have gone.
                done();
                Some(status)
            }
            Settled::Over => return false,
        },
    };
    if let Some(status) = failed {
        tracing::warn!(actor = %outside(&cell.id), method = name, %status, "timer, tick or reminder of an actor failed");
    }
    true
}

/// A turn has ended without a result, and the activation with it: its changes are taken back, and those of earlier turns are saved,
/// if the store takes them in time. Whether it has.
pub(crate) async fn rescue<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> bool {
    // It is the game's code that lends the state, after a panic in the game's code.
    if catch_unwind(AssertUnwindSafe(|| undo_changes(cell, active))).is_err() {
        return false;
    }
    let limit = cell.core().env.now() + cell.part().save.timeout();
    cell.core().env.until(limit, save_all(cell, active)).await == Some(Some(true))
}
