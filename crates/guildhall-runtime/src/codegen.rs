//! Functions that generated code calls; not a public API.

use prost::Message;

pub use guildhall_core::store::{Column, Kind, Table, Value, WAKE};
pub use guildhall_core::{Address, AppId, Code, Key, KeyText, Method, Reason, Status};
pub use guildhall_core::{ErrorEnum, KeyField, KeyKind, MethodDesc, Model, Route, ServiceDesc};
pub use guildhall_entity::{
    ActorState, Delta, Entity, EntityMeta, Index, Known, LoadError, Row, RowChange, RowId, Scalar,
    Tags, Write, growth, key_field, load_message, load_proto, load_scalar, message_value,
    proto_size, proto_value, reads_again, scalar_size, scalar_value,
};

pub use crate::actor::{Actor, ActorCx, ActorServices};
pub use crate::call::handle::{KeyOf, answer, handle, no_such_method, reply, take, unknown_method};
pub use crate::call::push::Players;
pub use crate::call::service::{HandlerFuture, Incoming, Service, ServiceQueue};
pub use crate::call::{Cx, Many, Reply, Request, Target};
pub use crate::serve::lane::{Interleaved, Lane};
pub use crate::serve::topic::{Subscribed, subscribe};

/// The state of a SERIAL service: never contended, as its lane runs one call at a time.
pub use tokio::sync::Mutex as SerialState;

/// Calls a method.
pub fn call<'a, Req, Rsp>(
    cx: &'a Cx,
    method: Method<Req, Rsp>,
    target: Target,
    key: fn(&Req) -> KeyText<'_>,
    req: Req,
) -> impl Future<Output = Result<Rsp, Status>> + Send + use<'a, Req, Rsp>
where
    Req: Message + Clone + 'static,
    Rsp: Message + Default + 'static,
{
    crate::call::call(cx, method.desc, target, key, req)
}

/// Sends a request that wants no reply; `Ok` says only that it was queued.
#[allow(clippy::needless_pass_by_value, reason = "the same shape as `call`")]
pub fn cast<'a, Req>(
    cx: &'a Cx,
    method: Method<Req, ()>,
    target: Target,
    key: fn(&Req) -> KeyText<'_>,
    req: Req,
) -> impl Future<Output = Result<(), Status>> + Send + use<'a, Req>
where
    Req: Message + Clone + 'static,
{
    std::future::ready(crate::call::cast(cx, method.desc, &target, key, req))
}

/// Sends a request that wants no reply to many; `Ok` says only that it was queued.
pub async fn cast_many<Req: Message + 'static>(
    cx: &Cx,
    method: Method<Req, ()>,
    to: Many,
    req: Req,
) -> Result<(), Status> {
    match to {
        Many::All => crate::call::cast_all(cx, method.desc, &req),
        Many::Topic(topic) => crate::serve::topic::cast(cx, method.desc, &topic, &req).await,
    }
}

/// Sends a message to players' clients; `Ok` says only that it was queued.
pub fn push<'a, M: Message + 'static>(
    cx: &'a Cx,
    method: Method<M, ()>,
    to: Players,
    message: M,
) -> impl Future<Output = Result<(), Status>> + Send + use<'a, M> {
    crate::call::push::push(cx, method.desc, to, message)
}
