//! [`TurnLoop`]: the future that runs the turns of an actor, one actor after the other. Its memory is used again, so that a turn
//! allocates nothing and an idle actor has none. `C` is the cell of the actor.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crossbeam_utils::atomic::AtomicCell;
use guildhall_core::env::Instant;

use super::active::Active;
use super::handler::Begun;
use crate::call::turn::Call;

/// What turns are run of.
pub(crate) struct Run<C, A> {
    /// `None` where nothing runs.
    pub(crate) cell: Option<Arc<C>>,
    /// `None` when the actor is not in memory.
    pub(crate) active: Option<Box<Active<A>>>,
    /// The call whose turn is next.
    pub(crate) call: Option<Call>,
    /// The turn that has begun already.
    pub(crate) begun: Option<Begun<A>>,
    /// Only that call runs, as its caller is polled meanwhile.
    pub(crate) once: bool,
    /// The time of the last reply, where the clock was looked at.
    pub(crate) replied: Option<Instant>,
}

/// What a run begins with.
pub(crate) enum First<A> {
    /// What waits.
    Mail,
    /// A call that does not wait; the run ends with it.
    Call(Call),
    /// A turn that has begun in the poll of its caller; the run ends with it.
    Begun(Begun<A>),
}

impl<C, A> Default for Run<C, A> {
    fn default() -> Self {
        Self { cell: None, active: None, call: None, begun: None, once: false, replied: None }
    }
}

/// Runs the turns of one actor at a time.
pub(crate) struct TurnLoop<C, A> {
    /// Here between two runs.
    run: Option<Box<Run<C, A>>>,
    seat: Arc<Seat<C, A>>,
    turns: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<C, A> TurnLoop<C, A> {
    /// `turns` takes runs from the seat and puts them back, without end.
    pub(crate) fn new<F>(turns: impl FnOnce(Arc<Seat<C, A>>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let seat = Arc::new(Seat(AtomicCell::new(None)));
        let turns = Box::pin(turns(Arc::clone(&seat)));
        Self { run: Some(Box::default()), seat, turns }
    }

    /// Begins a run, after the one before.
    pub(crate) fn begin(&mut self, cell: &Arc<C>, active: Option<Box<Active<A>>>, first: First<A>) {
        let mut run = self.run.take().unwrap_or_default();
        run.cell = Some(Arc::clone(cell));
        run.active = active;
        run.once = !matches!(first, First::Mail);
        (run.call, run.begun) = match first {
            First::Mail => (None, None),
            First::Call(call) => (Some(call), None),
            First::Begun(begun) => (None, Some(begun)),
        };
        run.replied = None;
        self.seat.0.store(Some(run));
    }

    /// Goes on with the run. At its end: the actor, or `None` when it has left memory, and the time if the run has just looked.
    #[allow(clippy::type_complexity, reason = "two things that a run ends with")]
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(Option<Box<Active<A>>>, Option<Instant>)> {
        let _endless = self.turns.as_mut().poll(cx);
        let Some(mut run) = self.seat.0.take() else { return Poll::Pending };
        let ended = (run.active.take(), run.replied);
        self.run = Some(run);
        Poll::Ready(ended)
    }
}

/// Where a run is at its beginning and at its end. A swap costs half of what a lock does.
pub(crate) struct Seat<C, A>(AtomicCell<Option<Box<Run<C, A>>>>);

impl<C, A> Seat<C, A> {
    /// The next run.
    pub(crate) async fn next(&self) -> Box<Run<C, A>> {
        // It is polled again when there is one.
        std::future::poll_fn(|_| self.0.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// The run has ended. Returns when the next one has begun.
    pub(crate) async fn ends(&self, run: Box<Run<C, A>>) {
        let mut ended = Some(run);
        std::future::poll_fn(|_| match ended.take() {
            Some(run) => {
                self.0.store(Some(run));
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
    }
}
