//! What generated code names. Not for people.

pub use guildhall_core::store::{Column, Kind, Table, Value};
pub use guildhall_core::{
    AppId, Code, ErrorEnum, Key, KeyField, KeyKind, KeyText, Method, MethodDesc, Model, Route,
    ServiceDesc, Status,
};
pub use guildhall_entity::{
    Entity, EntityMeta, LoadError, Row, RowChange, RowId, Scalar, State, Write, key_field,
    load_proto, load_scalar, proto_value, scalar_value,
};
pub use guildhall_runtime::codegen::{
    Cx, HandlerFuture, Incoming, ReplyPort, Service, Target, call, cast, handle, no_such_method,
};
