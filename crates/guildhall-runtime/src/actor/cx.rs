//! [`ActorCx`]: the context of a turn of an actor, which alone can send from the outbox, set timers and reminders, and deactivate.

use std::ops::Deref;
use std::sync::Arc;

use crate::call::Cx;
use crate::call::chain::as_interface;

/// The context of a turn of an actor: a [`Cx`], and what only a turn can do: [`outbox`](Self::outbox), [`remind`](Self::remind),
/// [`after`](Self::after), [`every`](Self::every), [`deactivate`](Self::deactivate), [`next_generation`](Self::next_generation).
///
/// Handlers of ACTOR services and the hooks of [`Actor`](crate::Actor) get one. It lives as long as the turn and cannot be cloned;
/// `Cx::clone(cx)` gives a plain context, for example for a task.
///
/// # Examples
/// Code that only calls others takes a [`Cx`]; clients and such functions accept an `&ActorCx` as it is:
///
/// ```
/// use std::time::Duration;
///
/// use guildhall::{ActorCx, Cx, Method, Schedule, Status};
///
/// async fn tell_others(cx: &Cx) -> Result<(), Status> {
/// #   let _ = cx;
///     Ok(())
/// }
///
/// async fn pay(cx: &ActorCx, credit: Method<(), ()>) -> Result<(), Status> {
///     cx.outbox(credit, ())?;
///     tell_others(cx).await
/// }
///
/// fn wake(cx: &ActorCx, ring: Method<(), ()>) -> Result<(), Status> {
///     cx.remind("ring", Schedule::every(Duration::from_secs(60)), ring, ())
/// }
/// ```
///
/// With a [`Cx`] this does not compile, because there may be no turn:
///
/// ```compile_fail,E0599
/// # use guildhall::{Cx, Method, Status};
/// fn pay(cx: &Cx, credit: Method<(), ()>) -> Result<(), Status> {
///     cx.outbox(credit, ())?;
///     Ok(())
/// }
/// ```
///
/// ```compile_fail,E0599
/// # use std::time::Duration;
/// # use guildhall::{Cx, Method, Schedule, Status};
/// fn wake(cx: &Cx, ring: Method<(), ()>) -> Result<(), Status> {
///     cx.remind("ring", Schedule::every(Duration::from_secs(60)), ring, ())
/// }
/// ```
#[derive(Debug)]
pub struct ActorCx {
    cx: Cx,
}

impl ActorCx {
    /// The context of a turn: `cx.turn` is an actor.
    #[inline]
    pub(super) fn new(cx: Cx) -> Self {
        debug_assert!(cx.turn.as_ref().is_some_and(|turn| turn.key().is_some()));
        Self { cx }
    }

    /// The context for another turn.
    #[inline]
    pub(super) fn reuse(&mut self) -> &mut Cx {
        &mut self.cx
    }

    /// What the turn may ask of its actor.
    pub(super) fn actor<T: ?Sized + 'static>(&self) -> Arc<T> {
        let actor = self.turn.as_ref().and_then(as_interface::<T>);
        actor.expect("only turns of actors have an `ActorCx`")
    }
}

impl Deref for ActorCx {
    type Target = Cx;

    #[inline]
    fn deref(&self) -> &Cx {
        &self.cx
    }
}
