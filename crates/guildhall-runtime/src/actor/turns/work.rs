//! Does the jobs of an actor one after the other, until it has none; then those of another actor of the type.

use std::sync::Arc;
use std::task::Poll;

use super::at_once::at_once;
use super::call::{is_ready, run_begun, run_call};
use super::end::{deactivate, end, leave};
use super::guarded::handle;
use super::own::{activate_uncalled, run_later, run_tick, run_timer};
use crate::actor::Actor;
use crate::actor::engine::{Active, Cell, Handler, Job, Run, TurnLoop, Turns};
use crate::actor::persistence::{Reclaimed, apply_saved, begin_save, drop_unsaved, reclaim};
use crate::actor::services::ActorServices;

/// Turns in a row before other actors of the worker get theirs.
const TURNS_IN_A_ROW: usize = 64;

/// What runs the turns of an actor type.
pub(crate) fn turns<A: Actor, S: ActorServices<A>>() -> Turns<A, S> {
    Turns {
        turn_loop: turn_loop::<A, S>,
        handler: || Handler::new(handle::<A, S>),
        at_once: at_once::<A, S>,
    }
}

/// Makes what runs the turns of an actor, one actor after the other.
fn turn_loop<A: Actor, S: ActorServices<A>>() -> TurnLoop<Cell<A, S>, A> {
    TurnLoop::new(|seat| async move {
        loop {
            let mut run = seat.next().await;
            if let Some(cell) = run.cell.take() {
                work(&cell, &mut run).await;
            }
            seat.ends(run).await;
        }
    })
}

/// Does all that waits, or one call alone.
async fn work<A: Actor, S: ActorServices<A>>(cell: &Arc<Cell<A, S>>, run: &mut Run<Cell<A, S>, A>) {
    let mut turns = 0;
    loop {
        if run.begun.is_some() {
            return run_begun(cell, run).await;
        }
        let job = match &run.call {
            Some(_) => None,
            None => match cell.next_job() {
                None => return,
                Some(Job::Call(call)) => {
                    if !run.call.insert(call).is_wanted() {
                        run.call = None;
                        continue;
                    }
                    None
                }
                job => job,
            },
        };
        if let Some(before) = &mut run.active
            && job.as_ref().is_none_or(Job::needs_rows)
            && !is_ready(cell, before)
        {
            match Box::pin(get_ready(cell, before)).await {
                Reclaimed::Yes => {}
                Reclaimed::No => run.active = None,
                Reclaimed::NotNow => {
                    let job = job.or_else(|| run.call.take().map(Job::Call));
                    job.into_iter().for_each(|job| cell.mailbox.lock().put_off(job));
                    Box::pin(cell.core().env.sleep(cell.part().save.retry())).await;
                    run.once = false;
                    continue;
                }
            }
        }
        match job {
            None => run_call(cell, run).await,
            Some(job) => run.active = Box::pin(do_job(cell, run.active.take(), job)).await,
        }
        if run.once {
            return;
        }
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
