//! Claims: one atomic statement claims and reads the rows of an actor. An actor without rows takes the epoch of its slot and no more.

use std::sync::Arc;

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_core::store::{LeaseId, Row, RowId, Store, StoreError, StoreErrorKind, Token};
use guildhall_core::{Code, MethodDesc, Status, outside};
use guildhall_entity::ActorState as _;
use prost::Message as _;

use super::reclaim::next_claim;
use crate::actor::Actor;
use crate::actor::engine::Cell;
use crate::actor::outbox::Later;
use crate::actor::records::{ActorCall, Answer, Records};
use crate::actor::services::ActorServices;
use crate::call::Cx;
use crate::proto;

/// A claim that was refused by a higher epoch is made again above it, this often.
const CLAIMS_MAX: usize = 3;

/// What an activation begins with.
pub(super) struct Found<T> {
    /// The epoch and the number of the claim.
    pub(super) claim: (u64, u64),
    pub(super) kept: Records,
    pub(super) state: T,
}

/// The call that wants an activation, if it is one.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) cx: &'a Cx,
    pub(super) method: Option<&'static MethodDesc>,
    /// Without it the actor must exist already.
    pub(super) create: bool,
}

impl Wanted<'_> {
    /// The answer to a call that must not run, because it has run or may not.
    fn before<A: Actor, S: ActorServices<A>>(
        self,
        cell: &Cell<A, S>,
        kept: &mut Records,
    ) -> Option<Answer> {
        let (config, env, cx) = (&cell.host.config, &cell.core().env, self.cx);
        kept.before(ActorCall { config, env, cx, method: self.method? })
    }

    /// The answer to a call whose actor does not exist.
    fn missing<A: Actor, S: ActorServices<A>>(
        self,
        cell: &Cell<A, S>,
        mut kept: Records,
    ) -> Answer {
        let status = || Status::not_run(Code::NotFound, reason::NO_SUCH_ENTITY, no_such(&cell.id));
        self.before(cell, &mut kept).unwrap_or_else(|| Err(status()))
    }
}

/// Finds what an actor without rows begins with, or gives the answer to the call.
pub(super) fn without_rows<A: Actor, S: ActorServices<A>>(
    cell: &Cell<A, S>,
    wanted: Wanted<'_>,
    state: A::State,
) -> Result<Found<A::State>, Answer> {
    let mut kept = Records::default();
    // What has moved here is there, though nobody has called it since.
    if !wanted.create && !has_unused(cell) {
        return Err(wanted.missing(cell, kept));
    }
    let claim = next_claim(cell).map_err(Err)?;
    match wanted.before(cell, &mut kept) {
        Some(answer) => Err(answer),
        None => Ok(Found { claim, kept, state }),
    }
}

fn has_unused<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>) -> bool {
    let (now, idle) = (cell.core().env.now(), cell.host.config.idle());
    cell.host.payloads.has(cell.slot, cell.key(), now, idle)
}

/// Claims and reads the rows, or gives the answer to the call.
pub(super) async fn claim<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    wanted: Wanted<'_>,
) -> Result<Found<A::State>, Answer> {
    let load = |rows: &mut dyn Iterator<Item = &Bytes>| {
        let records = Records::load(rows, cell.core().env.now());
        records.map_err(|error| Err(unreadable(&cell.id, &error)))
    };
    let unavailable = |error| Err(unavailable(&cell.id, &error));
    let key = cell.row_key();
    let rows = A::State::rows(&key);
    let (claim, rows) = match cell.part().store() {
        Some(store) => {
            // Guessed keys leave nothing behind: a fresh read answers, and claims nothing.
            if !wanted.create {
                let row = store.read(&rows[..1]).await.map_err(unavailable)?.pop().flatten();
                if row.as_ref().is_none_or(|row| !row.exists) {
                    let mut kept = load(&mut row.iter().map(|row| &row.records))?;
                    // A command that it has run, before it was deleted, has its answer all the same: from the row as the claim
                    // finds it. A call without one there claims nothing.
                    if !kept.know(wanted.cx) || wanted.before(cell, &mut kept).is_none() {
                        return Err(wanted.missing(cell, kept));
                    }
                }
            }
            claim_rows(cell, &*store, &rows).await.map_err(Err)?
        }
        None => (next_claim(cell).map_err(Err)?, Vec::new()),
    };
    let mut kept = load(&mut rows.iter().map(|row| &row.records))?;
    if let Some(answer) = wanted.before(cell, &mut kept) {
        return Err(answer);
    }
    begin_later(cell, rows.first()).map_err(|why| Err(unreadable(&cell.id, &why)))?;
    let state = A::State::load(&key, rows);
    let state = state.map_err(|error| Err(unreadable(&cell.id, &error)))?;
    if !wanted.create && !state.exists() {
        return Err(wanted.missing(cell, kept));
    }
    Ok(Found { claim, kept, state })
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
