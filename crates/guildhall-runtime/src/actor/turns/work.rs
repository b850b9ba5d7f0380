//! Does the jobs of an actor one after the other, until it has none; then those of another actor of the type.

use std::sync::Arc;
use std::task::Poll;

use super::call::run_call;
use super::end::{deactivate, end, leave};
use super::own::{activate_uncalled, run_later, run_tick, run_timer};
use crate::actor::Actor;
use crate::actor::engine::{Active, Cell, Job, Run, TurnLoop};
use crate::actor::persistence::{Reclaimed, apply_saved, begin_save, drop_unsaved, reclaim};
use crate::actor::services::ActorServices;

/// Turns in a row before other actors of the worker get theirs.
const TURNS_IN_A_ROW: usize = 64;

/// Makes what runs the turns of an actor, one actor after the other.
pub(crate) fn turn_loop<A: Actor, S: ActorServices<A>>() -> TurnLoop<A, S> {
    TurnLoop::new(|seat| async move {
        loop {
            let run = seat.next().await;
            let active = work(run).await;
            seat.over(active);
        }
    })
}

/// Does all that waits. Returns the actor, or nothing when it has left memory.
async fn work<A: Actor, S: ActorServices<A>>(run: Run<A, S>) -> Option<Box<Active<A>>> {
    let Run { cell, mut active, mut first } = run;
    let mut turns = 0;
    loop {
        let job = match first.take() {
            Some(call) => Job::Call(call),
            None => {
                let Some(mut job) = cell.next_job() else { return active };
                if let Job::Call(call) = &mut job
                    && !call.is_wanted()
                {
                    continue;
                }
                job
            }
        };
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
            _ => None,
        };
    };
    match job {
        // Calls have their own way.
        Job::Call(_) => Some(active),
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
