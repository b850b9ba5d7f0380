//! [`TurnLoop`]: the future that runs the turns of an actor, one actor after the other. Its memory is used again, so that a turn
//! allocates nothing and an idle actor has none.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;

use super::active::Active;
use super::cell::Cell;
use crate::actor::Actor;
use crate::call::turn::Call;

/// What a run of turns begins with.
pub(crate) struct Run<A: Actor, S> {
    pub(crate) cell: Arc<Cell<A, S>>,
    /// `None` when the actor is not in memory.
    pub(crate) active: Option<Box<Active<A>>>,
    /// The call that runs at once; the others are in the mailbox.
    pub(crate) first: Option<Call>,
}

/// Runs the turns of one actor at a time.
pub(crate) struct TurnLoop<A: Actor, S> {
    seat: Arc<Seat<A, S>>,
    turns: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<A: Actor, S> TurnLoop<A, S> {
    /// `turns` makes what takes its runs from the seat, without end.
    pub(crate) fn new<F>(turns: impl FnOnce(Arc<Seat<A, S>>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let seat = Arc::new(Seat(Mutex::new(Stage::Free)));
        Self { turns: Box::pin(turns(Arc::clone(&seat))), seat }
    }

    /// Begins a run, after the one before.
    pub(crate) fn begin(&self, run: Run<A, S>) {
        *self.seat.0.lock() = Stage::Begins(run);
    }

    /// Goes on with the run. At its end: the actor, or `None` when it has left memory.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Active<A>>>> {
        let _endless = self.turns.as_mut().poll(cx);
        let mut stage = self.seat.0.lock();
        match &mut *stage {
            Stage::Over(active) => {
                let active = active.take();
                *stage = Stage::Free;
                Poll::Ready(active)
            }
            _ => Poll::Pending,
        }
    }
}

/// Where the runs of a [`TurnLoop`] begin and end.
pub(crate) struct Seat<A: Actor, S>(Mutex<Stage<A, S>>);

#[allow(clippy::large_enum_variant, reason = "there is one for each loop, and it is reused")]
enum Stage<A: Actor, S> {
    Free,
    Begins(Run<A, S>),
    Over(Option<Box<Active<A>>>),
}

impl<A: Actor, S> Seat<A, S> {
    /// The next run.
    pub(crate) async fn next(&self) -> Run<A, S> {
        std::future::poll_fn(|_| {
            let mut stage = self.0.lock();
            match &*stage {
                Stage::Begins(_) => match std::mem::replace(&mut *stage, Stage::Free) {
                    Stage::Begins(run) => Poll::Ready(run),
                    _ => Poll::Pending,
                },
                // The cell polls again when it begins one.
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// The run has ended.
    pub(crate) fn over(&self, active: Option<Box<Active<A>>>) {
        *self.0.lock() = Stage::Over(active);
    }
}
