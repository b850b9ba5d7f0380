//! Activation: the rows are claimed by one atomic statement that also reads them, and nothing else may begin an actor.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use guildhall_core::status::reason;
use guildhall_core::store::{Holder, Row, RowId, Store, StoreError, StoreErrorKind, Token};
use guildhall_core::{ActorKey as _, Code, Effect, Status, slot_of};
use guildhall_entity::State as _;

use super::Actor;
use super::cell::{Active, Cell};
use super::held::Commits;
use super::services::ActorServices;
use super::work::no_such;
use crate::chain::Callee as _;
use crate::cx::Cx;
use crate::trace::context::{Context, within};

/// A claim that was refused by a higher epoch is made again above it, this often.
const CLAIMS_MAX: usize = 3;

/// Begins the actor, or says why not. Without `create` it must exist already.
pub(super) async fn activate<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    cx: &Cx,
    create: bool,
) -> Result<Box<Active<A>>, Status> {
    let limit = Duration::from_millis(cell.room.config.activate_ms);
    let deadline = cell.app.env.now() + limit;
    let context = Context::of(cx);
    let mut begun = std::pin::pin!(begin(cell, cx, create));
    let begun = poll_fn(|cx| within(context.as_ref(), || begun.as_mut().poll(cx)));
    let activated = cell.app.env.until(deadline, begun).await;
    activated.unwrap_or_else(|| {
        let why = format!("{} was not activated within {limit:?}", cell.id());
        Err(Status::not_run(Code::Unavailable, reason::STORE, why))
    })
}

async fn begin<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    cx: &Cx,
    create: bool,
) -> Result<Box<Active<A>>, Status> {
    let Some(key) = A::Key::from_text(cell.key.as_str()) else {
        let why = format!("{} is not a key of {}", cell.key, A::NAME);
        return Err(Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why));
    };
    let missing = || Status::not_run(Code::NotFound, reason::NO_SUCH_ENTITY, no_such(cell.id()));
    let unavailable = |error| unavailable(cell.id(), &error);
    let rows = A::State::rows(&cell.key);
    let (token, rows) = match (cell.app.store(), rows.is_empty()) {
        (_, true) if !create => return Err(missing()),
        (Some(store), false) => {
            // Guessed keys leave nothing behind: a fresh read answers, and claims nothing.
            if !create && !exists(&*store, &rows).await.map_err(unavailable)? {
                return Err(missing());
            }
            claim(cell, &*store, &rows).await.map_err(unavailable)?
        }
        _ => (token(cell, cell.app.epoch()), Vec::new()),
    };
    let state = A::State::load(&cell.key, rows).map_err(|error| {
        tracing::error!(actor = cell.id(), %error, "a row cannot be loaded");
        Status::not_run(
            Code::DataLoss,
            reason::STORE,
            format!("{} cannot be loaded: its row does not fit", cell.id()),
        )
    })?;
    if !create && !state.exists() {
        return Err(missing());
    }
    let begun = AssertUnwindSafe(A::activate(cx, key, state)).catch_unwind().await;
    let actor = begun.unwrap_or_else(|_| {
        cell.app.counters.panics.add(1);
        tracing::error!(actor = cell.id(), "an actor panicked in `activate`");
        let why = format!("{} panicked in `activate`", cell.id());
        Err(Status::new(Code::Internal, why).with_reason(reason::PANICKED))
    });
    let actor = actor.map_err(|status| status.with_effect(Effect::NotRun))?;
    cell.app.counters.activations.add(1);
    cell.used(true);
    let commits = Commits::new();
    cell.hold(commits.held());
    Ok(Box::new(Active { actor, token, commits, trace: None }))
}

async fn exists(store: &dyn Store, rows: &[RowId]) -> Result<bool, StoreError> {
    let first = store.read(&rows[..1]).await?;
    Ok(first.into_iter().flatten().any(|row| row.exists))
}

/// Claims the rows; above the epoch of an owner before, whose writes are refused from then on.
async fn claim<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    store: &dyn Store,
    rows: &[RowId],
) -> Result<(Token, Vec<Row>), StoreError> {
    let mut epoch = cell.app.epoch();
    let mut claims = 0;
    loop {
        let token = token(cell, epoch);
        claims += 1;
        match store.claim(rows, token.clone()).await {
            Ok(rows) => return Ok((token, rows)),
            Err(error) => match error.kind {
                StoreErrorKind::Refused { row_epoch } if claims < CLAIMS_MAX => {
                    epoch = epoch.max(row_epoch + 1);
                }
                _ => return Err(error),
            },
        }
    }
}

/// Every activation has a token of its own.
fn token<A: Actor, S: ActorServices<A>>(cell: &Arc<Cell<A, S>>, epoch: u64) -> Token {
    let slot = slot_of(cell.key.as_str(), cell.app.slots);
    Token {
        lease: format!("{}/{slot}", A::NAME).into(),
        epoch,
        holder: Holder { app: cell.app.id.clone(), incarnation: cell.app.incarnation },
        activation: cell.room.next_activation(),
    }
}

/// The store did not do it, and so the call has not run. Files and hosts are for the log, not for callers.
fn unavailable(id: &str, error: &StoreError) -> Status {
    tracing::warn!(actor = id, %error, "an actor cannot be activated");
    let why = format!("{id} cannot be loaded now: its store does not answer");
    Status::not_run(Code::Unavailable, reason::STORE, why)
}
