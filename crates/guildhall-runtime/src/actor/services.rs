//! The services of an actor type as a Rust type, so that a turn is one future type without a box.

use std::marker::PhantomData;

use bytes::Bytes;
use guildhall_core::{ServiceDesc, Status};

use super::{Actor, ActorService};
use crate::call::{Cx, Request};

/// The services of an actor type: `.actor::<Player, _>(|a| a.serve(RoleServer).serve(RoleAdminServer))`.
#[derive(Debug)]
pub struct ActorSetup<A, S> {
    types: PhantomData<fn(A, S)>,
}

impl<A: Actor> ActorSetup<A, ()> {
    pub(crate) fn new() -> Self {
        Self { types: PhantomData }
    }
}

impl<A: Actor, S: ActorServices<A>> ActorSetup<A, S> {
    /// Adds a service. All services of an actor type share the mailbox of each actor.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "the value names the type")]
    pub fn serve<T: ActorService<A>>(self, _service: T) -> ActorSetup<A, And<T, S>> {
        ActorSetup { types: PhantomData }
    }
}

/// A service beside others.
#[derive(Debug)]
pub struct And<T, S>(PhantomData<fn(T, S)>);

/// The services of an actor type: `()`, or one [`And`] others.
pub trait ActorServices<A: Actor>: Send + Sync + 'static {
    /// Appends what the protos declare.
    fn descs(to: &mut Vec<&'static ServiceDesc>);

    /// Runs one call of the service with this place in [`ActorServices::descs`].
    fn dispatch(
        actor: &mut A,
        cx: &Cx,
        service: usize,
        method: usize,
        body: Request,
    ) -> impl Future<Output = Result<Bytes, Status>> + Send;
}

impl<A: Actor> ActorServices<A> for () {
    fn descs(_to: &mut Vec<&'static ServiceDesc>) {}

    async fn dispatch(
        _actor: &mut A,
        _cx: &Cx,
        _service: usize,
        method: usize,
        _body: Request,
    ) -> Result<Bytes, Status> {
        Err(crate::codegen::unknown_method(A::NAME, method))
    }
}

impl<A: Actor, T: ActorService<A>, S: ActorServices<A>> ActorServices<A> for And<T, S> {
    fn descs(to: &mut Vec<&'static ServiceDesc>) {
        to.push(T::DESC);
        S::descs(to);
    }

    async fn dispatch(
        actor: &mut A,
        cx: &Cx,
        service: usize,
        method: usize,
        body: Request,
    ) -> Result<Bytes, Status> {
        match service.checked_sub(1) {
            None => T::dispatch(actor, cx, method, body).await,
            Some(service) => S::dispatch(actor, cx, service, method, body).await,
        }
    }
}
