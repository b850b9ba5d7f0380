//! Guards a turn: a panic, or a turn that takes too long, ends its own activation and nothing else.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use futures_util::FutureExt as _;
use guildhall_core::{Status, outside};
use std::panic::AssertUnwindSafe;

use crate::actor::engine::{Active, Begins, Cell, Ran};
use crate::actor::persistence::{end_own_turn, rescue};
use crate::actor::services::ActorServices;
use crate::actor::{Actor, ActorCx};
use crate::call::Cx;
use crate::call::chain::Callee;
use crate::call::command::Cause;
use crate::call::turn::Ended;
use crate::observe::trace::context::within;

/// The context of a turn that no call has begun.
pub(crate) fn turn_cx<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    cause: Option<Arc<Cause>>,
) -> ActorCx {
    let turn = Some(Arc::clone(cell) as Arc<dyn Callee>);
    let resources = cell.core().snapshots.version();
    ActorCx::new(Cx { turn, resources, cause, ..cell.cx() })
}

/// Runs a turn.
pub(crate) async fn guarded<A: Actor, S: ActorServices<A>, F: Future>(
    cell: &Cell<A, S>,
    cx: &Cx,
    turn: F,
) -> Result<F::Output, Ended> {
    cell.begin_turn();
    let mut context = cx.context();
    let mut turn = std::pin::pin!(AssertUnwindSafe(turn).catch_unwind());
    std::future::poll_fn(|cx| {
        if cell.over_limit.load(Ordering::Relaxed) {
            return Poll::Ready(Err(Ended::OverLimit));
        }
        let poll = || turn.as_mut().poll(cx).map_err(|_| Ended::Panicked);
        within(&mut context, poll)
    })
    .await
}

/// Runs the handler of a call, and returns what it was lent.
pub(crate) async fn handle<A: Actor, S: ActorServices<A>>(begins: Begins<A>) -> Ran<A> {
    let Begins { mut active, cx, service, method, body } = begins;
    let result = {
        let turn = S::dispatch(&mut active.actor, &cx, service, method, body);
        let mut turn = std::pin::pin!(AssertUnwindSafe(turn).catch_unwind());
        std::future::poll_fn(|task| {
            if cx.turn.as_ref().is_some_and(|cell| cell.is_over_limit()) {
                return Poll::Ready(Err(Ended::OverLimit));
            }
            turn.as_mut().poll(task).map_err(|_| Ended::Panicked)
        })
        .await
    };
    Ran { active, cx, result }
}

/// The end of a turn without a caller: an error is logged. `None` when the activation is over.
pub(crate) async fn end_uncalled<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
    name: (&str, bool),
    ran: Result<Result<(), Status>, Ended>,
    done: impl Fn(),
) -> Option<Box<Active<A>>> {
    match ran {
        Ok(result) => {
            let ended = end_own_turn(cell, &mut active, name, result, done);
            ended.await.then_some(active)
        }
        Err(ended) => {
            ended.status(&cell.core().counters, &cell.id, name.0);
            drop_activation(cell, active).await;
            None
        }
    }
}

/// Drops an activation whose turn has ended without a result: what the actor holds outside of its entity may be torn.
pub(crate) async fn drop_activation<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    mut active: Box<Active<A>>,
) {
    cell.core().counters.dropped.add(1);
    if !rescue(cell, &mut active).await {
        tracing::error!(actor = %outside(&cell.id), "unsaved changes of its earlier turns are lost");
    }
    cell.deactivated();
}
