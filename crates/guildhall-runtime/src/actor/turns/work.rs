//! The one future of an actor type: does the jobs of an actor one after the other, until it has none.

use std::sync::Arc;
use std::task::Poll;

use tokio_util::sync::ReusableBoxFuture;

use super::call::run_call;
use super::end::{deactivate, end, leave};
use super::own::{activate_uncalled, run_later, run_tick, run_timer};
use crate::actor::Actor;
use crate::actor::engine::{Active, Cell, Job, TurnBox};
use crate::actor::persistence::{Reclaimed, apply_saved, begin_save, drop_unsaved, reclaim};
use crate::actor::services::ActorServices;

/// Turns in a row before other actors of the worker get theirs.
const TURNS_IN_A_ROW: usize = 64;

/// Begins to do what waits for an actor, in a used box if there is one.
pub(crate) fn begin<A: Actor, S: ActorServices<A>>(
    cell: Arc<Cell<A, S>>,
    active: Option<Box<Active<A>>>,
    used: Option<TurnBox<A>>,
) -> TurnBox<A> {
    let work = work(cell, active);
    match used {
        Some(mut turn) => {
            turn.set(work);
            turn
        }
        None => ReusableBoxFuture::new(work),
    }
}

/// Does all that waits. Returns the actor, or nothing when it has left memory.
async fn work<A: Actor, S: ActorServices<A>>(
    cell: Arc<Cell<A, S>>,
    mut active: Option<Box<Active<A>>>,
) -> Option<Box<Active<A>>> {
    let mut turns = 0;
    while let Some(job) = cell.next_job() {
        if let Some(before) = &mut active
            && job.needs_rows()
            && !is_ready(&cell, before)
        {
            match Box::pin(get_ready(&cell, before)).await {
                Reclaimed::Yes => {}
                Reclaimed::No => active = None,
                Reclaimed::NotNow => {
                    cell.mailbox.lock().put_off(job);
                    Box::pin(cell.core().env.sleep(cell.part().save.retry())).await;
                    continue;
                }
            }
        }
        active = match job {
            Job::Call(call) => run_call(&cell, active, call).await,
            job => Box::pin(do_job(&cell, active, job)).await,
        };
        turns += 1;
        if turns % TURNS_IN_A_ROW == 0 {
            give_way().await;
        }
    }
    active
}

/// Any job but a call.
async fn do_job<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: Option<Box<Active<A>>>,
    job: Job,
) -> Option<Box<Active<A>>> {
    let Some(mut active) = active else {
        return match job {
            Job::Activate => activate_uncalled(cell).await,
            Job::Call(call) => run_call(cell, None, call).await,
            _ => None,
        };
    };
    match job {
        Job::Call(call) => run_call(cell, Some(active), call).await,
        Job::Timer(service, message) => run_timer(cell, active, service, message).await,
        Job::SessionOver(session) => {
            active.records.session_over(&session, cell.core().env.now());
            end(cell, active)
        }
        Job::OwnTurn(turn) => run_later(cell, active, *turn).await,
        Job::Tick => run_tick(cell, active).await,
        Job::ApplySave(activation, result) => {
            apply_saved(cell, &mut active, activation, result).then_some(active)
        }
        Job::Save => {
            begin_save(cell, &mut active);
            Some(active)
        }
        Job::Activate => Some(active),
        Job::Leave(ticket) => leave(cell, active, ticket).await,
        Job::Deactivate(reason) => deactivate(cell, active, reason).await,
        Job::LoseSlot => {
            drop_unsaved(cell, &mut active);
            None
        }
    }
}

/// Whether an actor may run at once: it holds its rows under the present grant.
#[inline]
fn is_ready<A: Actor, S: ActorServices<A>>(cell: &Cell<A, S>, active: &Active<A>) -> bool {
    active.between.is_none() && cell.host.slots.is_fresh(cell.slot, active.epoch)
}

/// Before an actor runs: it claims its rows again if its slot was not served here all the time, and gets back its payload for a move
/// that was abandoned.
async fn get_ready<A: Actor, S: ActorServices<A>>(
    cell: &Arc<Cell<A, S>>,
    active: &mut Active<A>,
) -> Reclaimed {
    let reclaimed = reclaim(cell, active).await;
    if let Reclaimed::Yes = reclaimed
        && let Some(payload) = active.between().moved.take()
        && !payload.is_empty()
    {
        active.actor.move_in(payload);
    }
    if let Reclaimed::Yes = reclaimed {
        active.between = None;
    }
    reclaimed
}

/// Lets the worker's other actors run.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
