//! What of an actor goes to the store, and what becomes of it: its state, and with it what its commands have come to and what it has
//! to do later, in one write.

use std::sync::Arc;
use std::task::Poll;

use guildhall_core::outside;
use guildhall_core::store::{Batch, Guard, Op, StoreError, StoreErrorKind, Value, WAKE, Write};
use guildhall_entity::State as _;
use prost::Message as _;

use super::cell::{Active, Cell};
use super::commands::Commands;
use super::later::{Later, wall_ms};
use super::mail::SaveResult;
use super::saver::Save;
use super::services::ActorServices;
use super::{Actor, Why};
use crate::chain::Callee as _;
use crate::proto::Records;

/// Replies from now on show what is committed: what earlier turns have changed, and a save still carries, included.
pub(super) fn want_commit<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    begin_save(cell, active);
    // Dirty with nothing in flight: the lease has run out, and the save waits for it.
    let more = is_dirty(cell, active);
    if active.actor.state().saving() > 0 || more {
        active.commits.want(more);
    }
}

/// Whether something is to be saved that is not being saved.
pub(super) fn is_dirty<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    active: &mut Active<A>,
) -> bool {
    let state = active.actor.state();
    state.is_dirty() || (state.exists() && has_records(cell, active))
}

/// Whether there is something for the row beside the state.
fn has_records<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>, active: &Active<A>) -> bool {
    let later = || cell.with_later(|later| later.is_unsaved()) == Some(true);
    cell.room.has_rows && (active.commands.must_save || later())
}

/// Hands the unsaved changes to the saver, unless a save is in flight: then they are for the next one.
pub(super) fn begin_save<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
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
        keep_ms: 0,
    };
    // Rule 30: state, reply and id are one write, of the first row. A command that has changed nothing asks for none: should its
    // record be lost with the process, it runs again as if for the first time, as nobody has seen it run.
    let must = has_records(cell, active);
    let state = active.actor.state();
    let with_records = must || (active.commands.unsaved && state.is_dirty());
    let mut ops: Vec<Op> = state.take_save(with_records).into_iter().map(op).collect();
    let exists = state.exists();
    if let Some(first) = ops.first_mut() {
        if first.write == Write::Delete {
            first.keep_ms = active.commands.keep_ms(&cell.room.config, cell.app.env.now());
        }
        if must || active.commands.unsaved {
            put_records(cell, &mut active.commands, exists, first);
        }
        let saved = Arc::clone(cell) as Arc<dyn super::saver::Saved>;
        let (activation, trace) = (token.activation, active.trace.take());
        let held = active.commits.begin();
        let alone = active.settles;
        active.alone = alone;
        cell.app.saver.submit(Save {
            batch: Batch { ops },
            activation,
            saved,
            held,
            alone,
            trace,
            unsure: false,
        });
    }
}

/// Rules 27 and 30: what the actor has to do, and what commands have come to, are in the same write as the state.
fn put_records<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    commands: &mut Commands,
    exists: bool,
    first: &mut Op,
) {
    let mut encoded =
        commands.take_for_row(&cell.room.config, &cell.app.env, cell.app.tables.config.row_max);
    let mut records = Records::default();
    let now_ms = wall_ms(&cell.app.env);
    let is_first =
        A::State::tables().first().is_some_and(|table| table.name == first.row.table.name);
    let save = |later: &mut Later| later.save(exists, &mut records, now_ms);
    let wake_ms = if is_first { cell.with_later(save) } else { None };
    // Fields of one message may be encoded one after the other.
    records.encode(&mut encoded).expect("it grows");
    commands.row_bytes = encoded.len();
    first.records = Some(encoded.freeze());
    if let (Some(wake_ms), Write::Create(columns) | Write::Update(columns)) =
        (wake_ms, &mut first.write)
    {
        columns.push((WAKE.number, Value::Uint(wake_ms)));
    }
}

/// Waits until all changes are saved; false when the rows belong to somebody else, `None` when it is not known who owns them.
pub(super) async fn save_all<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Option<bool> {
    save(cell, active, true).await
}

/// As [`save_all`]; `None` also when the store says no, or the slot stays here after all: the actor goes on.
pub(super) async fn save_to_leave<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Option<bool> {
    let stays = std::future::poll_fn(|_| match cell.is_stopped() {
        true => Poll::Pending,
        false => Poll::Ready(()),
    });
    tokio::select! {
        biased;
        saved = save(cell, active, false) => saved,
        () = stays => None,
    }
}

/// Saves; `again` after an error too, with a pause that grows.
async fn save<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
    again: bool,
) -> Option<bool> {
    let config = &cell.app.save;
    let mut pause = config.retry();
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
                pause = config.retry();
                continue;
            }
            if !again {
                return None;
            }
        } else if !cell.room.slots.is_fresh(cell.slot, active.token.epoch) {
            return None;
        }
        // The store has said in the log why not; or the lease has run out, and may come back.
        cell.app.env.sleep(pause).await;
        pause = config.longer(pause);
    }
}

/// As [`save_all`]; `None` when the store does not answer, or somebody calls the actor meanwhile. A draining app waits for the
/// store, or ends.
pub(super) async fn save_within<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
    why: Why,
) -> Option<bool> {
    if why == Why::Drain {
        let saved = tokio::select! {
            biased;
            saved = save_all(cell, active) => saved,
            // The store has said that it does not take them: waiting for it would end in the same way, later.
            () = cell.app.outage.lasted(&cell.app.env) => None,
        };
        if saved.is_none() && cell.app.outage.is_there() {
            cell.app.counters.dropped.add(1);
        }
        return Some(saved == Some(true));
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
            let drained = cell.with_later(|later| later.saved(true)).unwrap_or_default();
            cell.tell(drained);
            let all = !is_dirty(cell, active);
            active.commits.committed(all);
            if all && !active.actor.state().exists() {
                close_missing(cell, active);
            }
            cell.send_out();
        }
        Err(error) if matches!(error.kind, StoreErrorKind::Refused { .. }) => {
            let id = cell.id();
            tracing::error!(actor = %outside(id), %error, "another owner has the rows; unsaved changes are lost");
            cell.app.counters.dropped.add(1);
            cell.used(false);
            // Rule 11: who holds the slot?
            if let StoreErrorKind::Refused { row_epoch } = error.kind {
                cell.app.ownership.doubt(&cell.room.slots, cell.slot, row_epoch);
            }
            return false;
        }
        // What is unique, too large or nested too deep was found at the end of its turn. This is something else, and its turns cannot
        // be told apart any more: the actor begins again with what the store has.
        Err(error) => {
            tracing::error!(
                actor = %outside(cell.id()), %error,
                "the store has refused a save for good; the changes of its turns are lost"
            );
            cell.app.counters.dropped.add(1);
            cell.used(false);
            return false;
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

/// Whether the store will never take it.
pub(super) fn is_final(error: &StoreError) -> bool {
    matches!(error.kind, StoreErrorKind::Exists | StoreErrorKind::Missing | StoreErrorKind::Invalid)
}

/// An actor without entity leaves, when it has nothing left to send.
pub(super) fn close_missing<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    let sends = cell.with_later(|later| later.outbox.waiting() > 0) == Some(true);
    if active.actor.state().saving() == 0 && !cell.resident && !sends {
        cell.close(Why::Missing);
    }
}

/// Drops what an actor has not saved: its slot is another app's.
pub(super) fn drop_unsaved<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    // Records of commands alone are of no use here: whoever has it now has those of the rows.
    if active.actor.state().is_dirty() {
        cell.app.counters.dropped.add(1);
        // As after a crash: what was not saved yet is lost, which is what the save interval says.
        tracing::warn!(
            actor = %outside(cell.id()),
            "its slot is another app's; changes since the last save are lost"
        );
    }
    cell.used(false);
}
