//! The services of an actor type as a Rust type, so that a turn is one future type without a box.

use guildhall_core::{ServiceDesc, Status};

use super::{Actor, ActorCx};
use crate::call::{Reply, Request};

/// The services that actors of type `A` serve: a generated server such as `RoleServer`, if `A` implements its trait, or a tuple of up
/// to eight of them.
///
/// # Examples
/// `app.actor::<Player>((RoleServer, WalletServer))`. A server whose trait the actor does not implement, or the server of a service
/// that is not `model: ACTOR`, does not compile:
///
/// ```compile_fail,E0277
/// # use guildhall::{Actor, ActorCx, App, Config, Status};
/// # use proto::counter::CounterServer;
/// # struct Idler;
/// # impl Actor for Idler {
/// #     const NAME: &'static str = "idler";
/// #     type Key = String;
/// #     type State = ();
/// #     async fn activate(_cx: &ActorCx, _key: String, _state: ()) -> Result<Self, Status> {
/// #         Ok(Self)
/// #     }
/// # }
/// fn idlers(app: App) -> App {
///     app.actor::<Idler>(CounterServer)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no service of the actor type `{A}`",
    label = "the server of an ACTOR service whose trait `{A}` implements, or a tuple of up to eight of them",
    note = "implement the service's trait for `{A}`; a service of another model is served with `App::serve`"
)]
pub trait ActorServices<A: Actor>: Send + Sync + 'static {
    /// How many services these are.
    const COUNT: usize;

    /// Appends what the protos declare, one for each service.
    fn descs(to: &mut Vec<&'static ServiceDesc>);

    /// Runs one call of the service with this place in [`ActorServices::descs`].
    fn dispatch(
        actor: &mut A,
        cx: &ActorCx,
        service: usize,
        method: usize,
        body: Request,
    ) -> impl Future<Output = Result<Reply, Status>> + Send;
}

/// Implements the trait for a tuple.
macro_rules! tuple {
    ($($service:ident)*) => {
        impl<A: Actor, $($service: ActorServices<A>),*> ActorServices<A> for ($($service,)*) {
            const COUNT: usize = 0 $(+ $service::COUNT)*;

            fn descs(_to: &mut Vec<&'static ServiceDesc>) {
                $($service::descs(_to);)*
            }

            async fn dispatch(
                _actor: &mut A,
                _cx: &ActorCx,
                service: usize,
                method: usize,
                _body: Request,
            ) -> Result<Reply, Status> {
                $(if service < $service::COUNT {
                    return $service::dispatch(_actor, _cx, service, method, _body).await;
                }
                let service = service - $service::COUNT;)*
                let _past_the_last = service;
                Err(crate::codegen::unknown_method(A::NAME, method))
            }
        }
    };
}

tuple!();
tuple!(S1);
tuple!(S1 S2);
tuple!(S1 S2 S3);
tuple!(S1 S2 S3 S4);
tuple!(S1 S2 S3 S4 S5);
tuple!(S1 S2 S3 S4 S5 S6);
tuple!(S1 S2 S3 S4 S5 S6 S7);
tuple!(S1 S2 S3 S4 S5 S6 S7 S8);
