//! Activation: one atomic statement claims and reads the rows. There is no other way into memory.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::status::reason;
use guildhall_core::store::{LeaseId, Row, RowId, Store, StoreError, StoreErrorKind, Token};
use guildhall_core::{ActorKey as _, Code, Effect, MethodDesc, Status, outside};
use guildhall_entity::ActorState as _;
use prost::Message as _;

use super::atomic::keep_activation;
use super::reclaim::next_claim;
use crate::actor::engine::{Active, Cell};
use crate::actor::outbox::Later;
use crate::actor::records::{ActorCall, Answer, Records};
use crate::actor::services::ActorServices;
use crate::actor::{Actor, ActorCx};
use crate::observe::trace::context::within;
use crate::proto;

/// A claim that was refused by a higher epoch is made again above it, this often.
const CLAIMS_MAX: usize = 3;

/// Begins the actor, or gives the answer to the call that wants it. Without `create` it must exist already.
pub(crate) async fn activate<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    cx: &ActorCx,
    method: Option<&'static MethodDesc>,
    create: bool,
) -> Result<Box<Active<A>>, Answer> {
    let limit = Duration::from_millis(cell.host.config.activate_ms);
    let deadline = cell.core().env.now() + limit;
    let mut context = cx.context();
    let mut begun = std::pin::pin!(begin(cell, cx, method, create));
    let begun = poll_fn(|cx| within(&mut context, || begun.as_mut().poll(cx)));
    let activated = cell.core().env.until(deadline, begun).await;
    activated.unwrap_or_else(|| {
        let why = format!("{} was not activated within {limit:?}", outside(&cell.id));
        Err(Err(Status::not_run(Code::Unavailable, reason::STORE, why)))
    })
}

async fn begin<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    cx: &ActorCx,
    method: Option<&'static MethodDesc>,
    create: bool,
) -> Result<Box<Active<A>>, Answer> {
    let Some(key) = A::Key::from_text(cell.key()) else {
        let why = format!("{} is not a key of {}", outside(cell.key()), A::NAME);
        return Err(Err(Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why)));
    };
    let (env, config) = (&cell.core().env, &cell.host.config);
    let call = method.map(|method| ActorCall { config, env, cx, method });
    let before = |kept: &mut Records| kept.before(call?);
    let missing = |mut kept: Records| {
        let status = Status::not_run(Code::NotFound, reason::NO_SUCH_ENTITY, no_such(&cell.id));
        before(&mut kept).unwrap_or(Err(status))
    };
    let load = |rows: &mut dyn Iterator<Item = &Bytes>| {
        Records::load(rows, env.now()).map_err(|error| Err(unreadable(&cell.id, &error)))
    };
    let unavailable = |error| Err(unavailable(&cell.id, &error));
    let key_of_rows = cell.row_key();
    let rows = A::State::rows(&key_of_rows);
    let (claim, rows) = match (cell.part().store(), rows.is_empty()) {
        // What has moved here is there, though nobody has called it since.
        (_, true) if !create && !has_unused(cell) => {
            return Err(missing(Records::default()));
        }
        (Some(store), false) => {
            // Guessed keys leave nothing behind: a fresh read answers, and claims nothing.
            if !create {
                let row = store.read(&rows[..1]).await.map_err(unavailable)?.pop().flatten();
                if row.as_ref().is_none_or(|row| !row.exists) {
                    let mut kept = load(&mut row.iter().map(|row| &row.records))?;
                    // A command that it has run, before it was deleted, has its answer all the same: from the row as the claim
                    // finds it. A call without one there claims nothing.
                    if !kept.know(cx) || before(&mut kept).is_none() {
                        return Err(missing(kept));
                    }
                }
            }
            claim_rows(cell, &*store, &rows).await.map_err(Err)?
        }
        _ => (next_claim(cell).map_err(Err)?, Vec::new()),
    };
    let mut kept = load(&mut rows.iter().map(|row| &row.records))?;
    if let Some(answer) = before(&mut kept) {
        return Err(answer);
    }
    begin_later(cell, rows.first()).map_err(|why| Err(unreadable(&cell.id, &why)))?;
    let state = A::State::load(&key_of_rows, rows);
    let mut state = state.map_err(|error| Err(unreadable(&cell.id, &error)))?;
    if !create && !state.exists() {
        return Err(missing(kept));
    }
    state.begin_turns();
    let begun = AssertUnwindSafe(A::activate(cx, key, state)).catch_unwind().await;
    let actor = begun.unwrap_or_else(|_| {
        cell.core().counters.panics.add(1);
        tracing::error!(actor = %outside(&cell.id), "actor panicked in `activate`");
        let why = format!("{} panicked in `activate`", outside(&cell.id));
        Err(Status::new(Code::Internal, why).with_reason(reason::PANICKED))
    });
    let mut actor = actor.map_err(|status| Err(refused(status)))?;
    take_over(cell, &mut kept, &mut actor);
    cell.core().counters.activations.add(1);
    cell.activated();
    let mut active = Box::new(Active::new(actor, claim, kept));
    cell.send_out();
    keep_activation(cell, &mut active);
    Ok(active)
}

fn has_unused<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>) -> bool {
    let (now, idle) = (cell.core().env.now(), cell.host.config.idle());
    cell.host.payloads.has(cell.slot, cell.key(), now, idle)
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

/// What the row says that the actor has to do.
fn begin_later<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    first: Option<&Row>,
) -> Result<(), String> {
    let Some(row) = first else { return Ok(()) };
    let records = proto::Records::decode(row.records.clone()).map_err(|error| error.to_string())?;
    if cell.host.wakes {
        let mut later =
            Later::load(&cell.part().outbox, &cell.core().env, records, row.exists, |id| {
                cell.host.method(id)
            })?;
        later.outbox.begin_above(row.version);
        cell.begin_later(later);
        return Ok(());
    }
    let has = records.outbox.is_some_and(|outbox| !outbox.messages.is_empty());
    match has || !records.reminders.is_empty() {
        true => {
            Err("it has messages to send, or reminders; its entity must say `wakes: true`".into())
        }
        false => Ok(()),
    }
}

/// What the owner before has given: beside what the actor wants, what has come of commands that are in no row.
fn take_over<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    kept: &mut Records,
    actor: &mut A,
) {
    let (now, idle) = (cell.core().env.now(), cell.host.config.idle());
    let Some(payload) = cell.host.payloads.take(cell.slot, cell.key(), now, idle) else { return };
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

/// Claims the rows (rule 8); the epoch and number of the claim.
async fn claim_rows<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    store: &dyn Store,
    rows: &[RowId],
) -> Result<((u64, u64), Vec<Row>), Status> {
    let mut claims = 0;
    loop {
        let claim = next_claim(cell)?;
        let token = cell.token(claim);
        claims += 1;
        match store.claim(rows, token.clone()).await {
            Ok(rows) => return Ok((claim, rows)),
            Err(error) => match error.kind {
                // Rule 12: the row has seen a later grant, which the lease service has forgotten, or another app has.
                StoreErrorKind::Refused { row_epoch } if claims < CLAIMS_MAX => {
                    let (id, slots) = (&*cell.id, &cell.host.slots);
                    // Rule 15: epochs of different leases do not compare, so a later one would change nothing.
                    if let Some(lease) = other_lease(store, rows, &token).await {
                        return Err(locked(id, &lease, &token.lease));
                    }
                    tracing::warn!(actor = %outside(id), %error, "a claim was refused; asking for a later epoch");
                    acquire_above(cell, row_epoch).await;
                    if slots.epoch(cell.slot) <= row_epoch {
                        return Err(unavailable(id, &error));
                    }
                }
                _ => return Err(unavailable(&cell.id, &error)),
            },
        }
    }
}

/// Asks for a grant above the epoch of a row (rule 12).
async fn acquire_above<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>, row_epoch: u64) {
    cell.core().ownership().acquire_above(A::NAME, cell.slot, row_epoch).await;
}

/// The lease that has one of the rows, where that is not the lease of `token`.
async fn other_lease(store: &dyn Store, rows: &[RowId], token: &Token) -> Option<LeaseId> {
    let rows = store.read(rows).await.ok()?;
    let leases = rows.into_iter().flatten().filter_map(|row| Some(row.token?.lease));
    leases.into_iter().find(|lease| *lease != token.lease)
}

fn unreadable(id: &str, error: &dyn std::fmt::Display) -> Status {
    let id = outside(id);
    tracing::error!(actor = %id, %error, "row load failed");
    let why = format!("{id} cannot be loaded: its row does not fit");
    Status::not_run(Code::DataLoss, reason::STORE, why)
}

/// The row is kept under another lease than the one that its key falls to now.
fn locked(id: &str, has: &str, wants: &str) -> Status {
    let id = outside(id);
    let why = format!(
        "{id} cannot be loaded: its row belongs to the lease {has}, and not to {wants}; the NAME of an actor type and its number of slots stay as they were when its rows were written, so set them back"
    );
    tracing::error!(actor = %id, "{why}");
    Status::not_run(Code::FailedPrecondition, reason::OTHER_LEASE, why)
}

/// The store did not do it, and so the call has not run. Files and hosts are for the log, not for callers.
fn unavailable(id: &str, error: &StoreError) -> Status {
    let id = outside(id);
    match error.kind {
        // A store that is away has been said once, and not for each actor.
        StoreErrorKind::Unavailable | StoreErrorKind::Unknown => {
            tracing::debug!(actor = %id, %error, "activation failed");
        }
        _ => tracing::warn!(actor = %id, %error, "activation failed"),
    }
    let why = format!("{id} cannot be loaded now: its store does not answer");
    Status::not_run(Code::Unavailable, reason::STORE, why)
}

pub(crate) fn no_such(id: &str) -> String {
    format!("there is no {}", outside(id))
}
