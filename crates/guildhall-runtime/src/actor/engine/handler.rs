//! [`Handler`]: the memory in which the handler of a turn runs, used for one turn after the other.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

use guildhall_core::{MethodDesc, Status};

use super::active::Active;
use crate::actor::ActorCx;
use crate::call::reply::ReplyPort;
use crate::call::turn::Ended;
use crate::call::{Reply, Request};
use crate::observe::trace::context;

/// What a handler is begun with.
pub(crate) struct Begins<A> {
    pub(crate) active: Box<Active<A>>,
    pub(crate) cx: ActorCx,
    pub(crate) service: usize,
    pub(crate) method: usize,
    pub(crate) body: Request,
}

/// A handler that has ended, with what it was lent.
pub(crate) struct Ran<A> {
    pub(crate) active: Box<Active<A>>,
    pub(crate) cx: ActorCx,
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
}

impl<A: 'static> Handler<A> {
    pub(crate) fn new<F, R>(run: R) -> Self
    where
        F: Future<Output = Ran<A>> + Send + 'static,
        R: Fn(Begins<A>) -> F + Send + 'static,
    {
        Self { any: Box::new(Kept { future: Box::pin(None), run }), left: Arc::default() }
    }

    pub(crate) fn begin(&mut self, begins: Begins<A>) {
        self.any.begin(begins);
    }

    pub(crate) fn poll(&mut self, task: &mut Context<'_>) -> Poll<Ran<A>> {
        self.any.poll(task)
    }

    /// Whether nobody asks any more whether the caller of the last turn waits: contexts may outlive their turn.
    pub(crate) fn is_forgotten(&mut self) -> bool {
        let left = Arc::get_mut(&mut self.left);
        left.is_some_and(|left| !*left.get_mut())
    }

    /// Begins to tell of the caller of another turn.
    pub(crate) fn forget(&mut self) {
        if !self.is_forgotten() {
            self.left = Arc::default();
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
