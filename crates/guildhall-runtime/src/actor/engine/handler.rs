//! [`Handler`]: the memory in which the handler of a turn runs, used for one turn after the other.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use guildhall_core::{MethodDesc, Status};

use super::active::Active;
use crate::actor::ActorCx;
use crate::call::chain::Callee;
use crate::call::exchange::Exchange;
use crate::call::reply::{Cancel, ReplyPort};
use crate::call::service::Wanted;
use crate::call::turn::Ended;
use crate::call::{Cx, Reply, Request, arrive};
use crate::observe::trace::context;

/// What a handler is begun with.
pub(crate) struct Begins<A> {
    pub(crate) active: Box<Active<A>>,
    pub(crate) cx: Box<ActorCx>,
    pub(crate) service: usize,
    pub(crate) method: usize,
    pub(crate) body: Request,
}

/// A handler that has ended, with what it was lent.
pub(crate) struct Ran<A> {
    pub(crate) active: Box<Active<A>>,
    pub(crate) cx: Box<ActorCx>,
    pub(crate) result: Result<Result<Reply, Status>, Ended>,
}

/// A handler of an actor type, for code that does not name its future.
trait AnyHandler<A>: Send {
    fn begin(&mut self, begins: Begins<A>);
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Ran<A>>;
}

struct Kept<F, R> {
    future: Pin<Box<Option<F>>>,
    run: R,
}

impl<A, F, R> AnyHandler<A> for Kept<F, R>
where
    F: Future<Output = Ran<A>> + Send,
    R: Fn(Begins<A>) -> F + Send,
{
    fn begin(&mut self, begins: Begins<A>) {
        self.future.set(Some((self.run)(begins)));
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Ran<A>> {
        let Some(future) = self.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let ran = future.poll(task);
        if ran.is_ready() {
            self.future.set(None);
        }
        ran
    }
}

/// Runs the handler of one turn at a time.
pub(crate) struct Handler<A> {
    any: Box<dyn AnyHandler<A>>,
    /// The caller of the present turn waits no more.
    pub(crate) left: Arc<AtomicBool>,
    /// The context of the last turn. It keeps the app, and `left`, and nothing of its turn.
    cx: Option<Box<ActorCx>>,
    /// The memory of its request and reply.
    pub(crate) exchange: Option<Box<dyn Exchange>>,
}

impl<A: 'static> Handler<A> {
    pub(crate) fn new<F, R>(run: R) -> Self
    where
        F: Future<Output = Ran<A>> + Send + 'static,
        R: Fn(Begins<A>) -> F + Send + 'static,
    {
        let any = Box::new(Kept { future: Box::pin(None), run });
        Self { any, left: Arc::default(), cx: None, exchange: None }
    }

    pub(crate) fn begin(&mut self, begins: Begins<A>) {
        self.any.begin(begins);
    }

    pub(crate) fn poll(&mut self, task: &mut Context<'_>) -> Poll<Ran<A>> {
        self.any.poll(task)
    }

    /// The context of the turn of a call.
    #[inline]
    pub(crate) fn cx(&mut self, wanted: &Wanted<'_>, turn: Arc<dyn Callee>) -> Box<ActorCx> {
        match self.cx.take().filter(|cx| Arc::ptr_eq(&cx.core, &wanted.cx.core)) {
            Some(mut cx) => {
                arrive::again(cx.reuse(), wanted);
                cx.reuse().turn = Some(turn);
                cx
            }
            None => {
                let cancel = Some(Cancel::Turn(Arc::clone(&self.left)));
                let cx = arrive::at_once(wanted, cancel);
                Box::new(ActorCx::new(Cx { turn: Some(turn), ..cx }))
            }
        }
    }

    /// Keeps the context of a turn that has ended, which its caller has not left.
    #[inline]
    pub(crate) fn keep_cx(&mut self, mut cx: Box<ActorCx>) {
        let Cx { head, cause, turn, snapshot, .. } = cx.reuse();
        (*head, *cause, *turn) = (None, None, None);
        snapshot.take();
        self.cx = Some(cx);
    }

    /// Whether nobody else asks any more whether the caller of the last turn waits: contexts may outlive their turn.
    #[inline]
    pub(crate) fn is_forgotten(&self) -> bool {
        let ours = 1 + usize::from(self.cx.is_some());
        Arc::strong_count(&self.left) == ours && !self.left.load(Ordering::Acquire)
    }

    /// Begins to tell of the caller of another turn.
    #[inline]
    pub(crate) fn forget(&mut self) {
        if !self.is_forgotten() {
            (self.left, self.cx) = (Arc::default(), None);
        }
    }
}

/// A turn that has begun in the poll of its caller and goes on without it.
pub(crate) struct Begun<A> {
    pub(crate) stage: Stage<A>,
    pub(crate) method: &'static MethodDesc,
    pub(crate) reply: ReplyPort,
}

/// How far a turn has come.
pub(crate) enum Stage<A> {
    /// Its handler waits.
    Runs(Box<Handler<A>>, Option<context::Context>),
    /// Its handler has ended, and the turn has not: what it has changed is kept or taken back, and then there is this to do.
    Ran(Box<Ran<A>>, Option<Next>),
}

/// What has to happen before a turn has ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// The store has the last word: a unique field has another value.
    Settle,
}
