//! Saves: the state of an actor, its records, outbox and reminders go to the store in one write; the result comes back to the state.

use std::sync::Arc;
use std::task::Poll;

use guildhall_core::outside;
use guildhall_core::store::{Batch, Guard, Op, StoreErrorKind, Value, WAKE, Write};
use guildhall_entity::ActorState as _;
use prost::Message as _;

use crate::actor::engine::{Active, Cell};
use crate::actor::outbox::{Later, wall_ms};
use crate::actor::records::Records;
use crate::actor::saver::{Save, SaveResult, Saved};
use crate::actor::services::ActorServices;
use crate::actor::{Actor, DeactivateReason};
use crate::proto;

/// Replies from now on wait for the commit of all changes so far, those of earlier turns included.
pub(crate) fn want_commit<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    begin_save(cell, active);
    // Dirty with nothing in flight: the lease has run out, and the save waits for it.
    let more = is_dirty(cell, active);
    if active.actor.state().saving() > 0 || more {
        active.commits.want(more);
        cell.count_replies(active.commits.waiting());
    }
}

/// Whether something is to be saved that is not being saved.
pub(crate) fn is_dirty<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    active: &mut Active<A>,
) -> bool {
    let state = active.actor.state();
    state.is_dirty() || (state.exists() && has_records(cell, active))
}

/// Whether the row lacks something beside the state.
fn has_records<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>, active: &Active<A>) -> bool {
    let later = || cell.with_later(|later| later.is_unsaved()) == Some(true);
    cell.host.has_rows() && (active.records.must_save() || later())
}

/// Hands the unsaved changes to the saver, unless a save is in flight: then they are for the next one.
pub(crate) fn begin_save<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    let state = active.actor.state();
    if state.saving() > 0 {
        return;
    }
    // Rule 6: no new write after the deadline.
    if !cell.holds(active.epoch) {
        cell.save_later();
        return;
    }
    let token = cell.token((active.epoch, active.activation));
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
    let with_records = must || (active.records.is_unsaved() && state.is_dirty());
    let mut ops: Vec<Op> = state.take_save(with_records).into_iter().map(op).collect();
    let exists = state.exists();
    if let Some(first) = ops.first_mut() {
        if first.write == Write::Delete {
            first.keep_ms = active.records.keep_ms(&cell.host.config, cell.core().env.now());
        }
        if must || active.records.is_unsaved() {
            put_records(cell, &mut active.records, exists, first);
        }
        let saved = Arc::clone(cell) as Arc<dyn Saved>;
        let (activation, trace) = (active.activation, active.trace.take().map(|trace| *trace));
        let replies = Arc::clone(active.commits.waiting());
        cell.count_replies(&replies);
        let replies = (replies, active.commits.begin());
        let alone = active.settles;
        active.alone = alone;
        cell.part().saver.submit(Save {
            batch: Batch { ops },
            activation,
            saved,
            replies,
            alone,
            trace,
            unsure: false,
        });
    }
}

/// Rules 27 and 30: outbox, reminders and records are in the same write as the state.
fn put_records<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    kept: &mut Records,
    exists: bool,
    first: &mut Op,
) {
    let mut encoded =
        kept.take_for_row(&cell.host.config, &cell.core().env, cell.part().tables.row_max);
    let mut records = proto::Records::default();
    let now_ms = wall_ms(&cell.core().env);
    let is_first =
        A::State::tables().first().is_some_and(|table| table.name == first.row.table.name);
    let save = |later: &mut Later| later.save(exists, &mut records, now_ms);
    let wake_ms = if is_first { cell.with_later(save) } else { None };
    // Fields of one message may be encoded one after the other.
    records.encode(&mut encoded).expect("it grows");
    kept.set_row_bytes(encoded.len());
    first.records = Some(encoded.freeze());
    if let (Some(wake_ms), Write::Create(columns) | Write::Update(columns)) =
        (wake_ms, &mut first.write)
    {
        columns.push((WAKE.number, Value::Uint(wake_ms)));
    }
}

/// Waits until all changes are saved; false when another owner has the rows, `None` when the owner is not known.
pub(crate) async fn save_all<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Option<bool> {
    save(cell, active, true).await
}

/// As [`save_all`]; `None` also when the store says no, or the slot stays here after all: the actor goes on.
pub(crate) async fn save_to_leave<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Option<bool> {
    let stays = std::future::poll_fn(|_| match cell.mailbox.lock().agenda.stopped {
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
    let config = &cell.part().save;
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
        } else if !cell.host.slots.is_fresh(cell.slot, active.epoch) {
            return None;
        }
        // The saver has logged the error; or the lease has run out, and may come back.
        cell.core().env.sleep(pause).await;
        pause = config.longer(pause);
    }
}

/// As [`save_all`]; `None` when the store does not answer, or a call for the actor comes meanwhile. A draining app waits for the
/// store, or ends.
pub(crate) async fn save_within<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
    reason: DeactivateReason,
) -> Option<bool> {
    if reason == DeactivateReason::Drain {
        let saved = tokio::select! {
            biased;
            saved = save_all(cell, active) => saved,
            // The store has said that it does not take them: waiting for it would end in the same way, later.
            () = cell.part().outage.lasted(&cell.core().env) => None,
        };
        if saved.is_none() && cell.part().outage.is_there() {
            cell.core().counters.dropped.add(1);
        }
        return Some(saved == Some(true));
    }
    let limit = cell.core().env.now() + cell.part().save.timeout();
    let called = std::future::poll_fn(|_| match cell.mailbox.lock().has_calls() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    });
    tokio::select! {
        biased;
        saved = cell.core().env.until(limit, save_all(cell, active)) => saved.flatten(),
        () = called => None,
    }
}

/// Tells the state what became of its save; false when the activation is over.
pub(crate) fn apply_saved<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
    activation: u64,
    result: SaveResult,
) -> bool {
    if activation != active.activation {
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
            let id = &*cell.id;
            tracing::error!(actor = %outside(id), %error, "another owner has the rows; unsaved changes are lost");
            cell.core().counters.dropped.add(1);
            cell.deactivated();
            // Rule 11: the lease service knows the holder of the slot.
            if let StoreErrorKind::Refused { row_epoch } = error.kind {
                cell.core().ownership().doubt(&cell.host.slots, cell.slot, row_epoch);
            }
            return false;
        }
        // What is unique, too large or nested too deep was found at the end of its turn. This is something else, and its turns cannot
        // be told apart any more: the actor begins again with what the store has.
        Err(error) => {
            tracing::error!(
                actor = %outside(&cell.id), %error,
                "save refused by the store for good; the changes of its turns are lost"
            );
            cell.core().counters.dropped.add(1);
            cell.deactivated();
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

/// An actor without entity leaves, when it has nothing left to send.
pub(crate) fn close_missing<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    let sends = cell.with_later(|later| later.outbox.waiting() > 0) == Some(true);
    if active.actor.state().saving() == 0 && !cell.resident && !sends {
        cell.close(DeactivateReason::Missing);
    }
}

/// Drops the unsaved changes of an actor: another app owns its slot.
pub(crate) fn drop_unsaved<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) {
    // Records alone are no loss: the new owner has those of the rows.
    if active.actor.state().is_dirty() {
        cell.core().counters.dropped.add(1);
        // As after a crash: changes of the last save interval are lost.
        tracing::warn!(
            actor = %outside(&cell.id),
            "another app owns the slot; changes since the last save are lost"
        );
    }
    cell.deactivated();
}

impl<A: Actor, S: ActorServices<A>> Saved for Cell<A, S> {
    fn on_saved(self: Arc<Self>, activation: u64, result: SaveResult) {
        self.mailbox.lock().saved(activation, result);
        self.schedule();
    }
}
