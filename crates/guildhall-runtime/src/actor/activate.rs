//! Activation: the rows are claimed by one atomic statement that also reads them, and nothing else may begin an actor.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use guildhall_core::status::reason;
use guildhall_core::store::{Holder, Row, RowId, Store, StoreError, StoreErrorKind, Token};
use guildhall_core::{ActorKey as _, Code, Effect, MethodDesc, Status, slot_of};
use guildhall_entity::State as _;

use super::Actor;
use super::cell::{Active, Cell};
use super::commands::Commands;
use super::held::{Answer, Commits};
use super::services::ActorServices;
use super::work::no_such;
use crate::chain::Callee as _;
use crate::cx::Cx;
use crate::trace::context::{Context, within};

/// A claim that was refused by a higher epoch is made again above it, this often.
const CLAIMS_MAX: usize = 3;

/// Begins the actor, or gives the answer to the call that wants it. Without `create` it must exist already.
pub(super) async fn activate<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    cx: &Cx,
    method: Option<&'static MethodDesc>,
    create: bool,
) -> Result<Box<Active<A>>, Answer> {
    let limit = Duration::from_millis(cell.room.config.activate_ms);
    let deadline = cell.app.env.now() + limit;
    let context = Context::of(cx);
    let mut begun = std::pin::pin!(begin(cell, cx, method, create));
    let begun = poll_fn(|cx| within(context.as_ref(), || begun.as_mut().poll(cx)));
    let activated = cell.app.env.until(deadline, begun).await;
    activated.unwrap_or_else(|| {
        let why = format!("{} was not activated within {limit:?}", cell.id());
        Err(Err(Status::not_run(Code::Unavailable, reason::STORE, why)))
    })
}

async fn begin<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    cx: &Cx,
    method: Option<&'static MethodDesc>,
    create: bool,
) -> Result<Box<Active<A>>, Answer> {
    let Some(key) = A::Key::from_text(cell.key.as_str()) else {
        let why = format!("{} is not a key of {}", cell.key, A::NAME);
        return Err(Err(Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why)));
    };
    let (env, config) = (&cell.app.env, &cell.room.config);
    let before = |commands: &mut Commands| commands.before(config, env, cx, method?);
    let missing = |mut commands: Commands| {
        let status = Status::not_run(Code::NotFound, reason::NO_SUCH_ENTITY, no_such(cell.id()));
        before(&mut commands).unwrap_or(Err(status))
    };
    let load = |rows: &mut dyn Iterator<Item = &Bytes>| {
        Commands::load(rows, env.now()).map_err(|error| Err(unreadable(cell.id(), &error)))
    };
    let unavailable = |error| Err(unavailable(cell.id(), &error));
    let rows = A::State::rows(&cell.key);
    let (token, rows) = match (cell.app.store(), rows.is_empty()) {
        (_, true) if !create => return Err(missing(Commands::default())),
        (Some(store), false) => {
            // Guessed keys leave nothing behind: a fresh read answers, and claims nothing.
            if !create {
                let row = store.read(&rows[..1]).await.map_err(unavailable)?.pop().flatten();
                if row.as_ref().is_none_or(|row| !row.exists) {
                    let mut commands = load(&mut row.iter().map(|row| &row.records))?;
                    // A command that it has run, before it was deleted, has its answer all the same: from the row as the claim
                    // finds it. Whoever has none there claims nothing.
                    if !commands.know(cx) || before(&mut commands).is_none() {
                        return Err(missing(commands));
                    }
                }
            }
            claim(cell, &*store, &rows).await.map_err(unavailable)?
        }
        _ => (token(cell, cell.app.epoch()), Vec::new()),
    };
    let mut commands = load(&mut rows.iter().map(|row| &row.records))?;
    if let Some(answer) = before(&mut commands) {
        return Err(answer);
    }
    let state = A::State::load(&cell.key, rows);
    let state = state.map_err(|error| Err(unreadable(cell.id(), &error)))?;
    if !create && !state.exists() {
        return Err(missing(commands));
    }
    let begun = AssertUnwindSafe(A::activate(cx, key, state)).catch_unwind().await;
    let actor = begun.unwrap_or_else(|_| {
        cell.app.counters.panics.add(1);
        tracing::error!(actor = cell.id(), "an actor panicked in `activate`");
        let why = format!("{} panicked in `activate`", cell.id());
        Err(Status::new(Code::Internal, why).with_reason(reason::PANICKED))
    });
    let actor = actor.map_err(|status| Err(status.with_effect(Effect::NotRun)))?;
    cell.app.counters.activations.add(1);
    cell.used(true);
    let commits = Commits::new();
    cell.hold(commits.held());
    Ok(Box::new(Active { actor, token, commits, commands, trace: None }))
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

fn unreadable(id: &str, error: &dyn std::fmt::Display) -> Status {
    tracing::error!(actor = id, %error, "a row cannot be loaded");
    let why = format!("{id} cannot be loaded: its row does not fit");
    Status::not_run(Code::DataLoss, reason::STORE, why)
}

/// The store did not do it, and so the call has not run. Files and hosts are for the log, not for callers.
fn unavailable(id: &str, error: &StoreError) -> Status {
    tracing::warn!(actor = id, %error, "an actor cannot be activated");
    let why = format!("{id} cannot be loaded now: its store does not answer");
    Status::not_run(Code::Unavailable, reason::STORE, why)
}
