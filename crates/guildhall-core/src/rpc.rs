//! Static descriptions of services and methods, which routing, dispatch and gates use.

mod body_key;
mod raw_body;

use std::marker::PhantomData;

use crate::key::KeyKind;

pub use body_key::{Keyed, find_key, put_key};
pub use raw_body::RawBody;

/// How the calls of a service share state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Handlers run in parallel on `&self`.
    Concurrent,
    /// One call at a time, its awaits included.
    Serial,
    /// Calls interleave at their awaits.
    Interleaved,
    /// One mailbox per key.
    Actor,
    /// Implemented by the player's client: pushes.
    Client,
}

/// How a call without a key finds its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Weighted among ready instances.
    Random,
    /// By key.
    Hash,
    /// One instance for all.
    Single,
    /// Of two ready instances, drawn by weight, the one with less to do.
    LeastLoad,
}

/// A service as its proto declares it.
#[derive(Debug)]
pub struct ServiceDesc {
    /// Full name: `demo.role.Role`.
    pub name: &'static str,
    /// How its calls share state.
    pub model: Model,
    /// In the order of the proto; `MethodDesc::index` is the place here.
    pub methods: &'static [MethodDesc],
    /// Encoded `FileDescriptorSet` of its file and all imports.
    pub descriptors: &'static [u8],
}

/// A method and its options.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "these are the proto's options, one by one")]
pub struct MethodDesc {
    /// `/package.Service/Method`.
    pub path: &'static str,
    /// FNV-1a-32 of the path.
    pub id: u32,
    /// Full name of the service.
    pub service: &'static str,
    /// Place in `ServiceDesc::methods`.
    pub index: usize,
    /// How calls of the service share state.
    pub model: Model,
    /// The request field that routes the call and names the actor.
    pub key: Option<KeyField>,
    /// The key of a client's call is the session's player: the gate appends it, and the callee refuses any other. Otherwise it is
    /// what the client sent.
    pub key_from_player: bool,
    /// For calls without a key.
    pub route: Route,
    /// There is no reply.
    pub oneway: bool,
    /// Always traced.
    pub trace: bool,
    /// Clients may call it.
    pub client: bool,
    /// The reply waits for the commit.
    pub durable: bool,
    /// May run twice.
    pub idempotent: bool,
    /// May activate a row that does not exist.
    pub create: bool,
    /// Default time limit in ms; 0 is the app's default.
    pub timeout_ms: u32,
    /// What a turn has changed stays when it returns an error.
    pub keep_on_error: bool,
}

/// Where the key stands in an encoded request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyField {
    /// Field number.
    pub number: u32,
    /// Type of the field.
    pub kind: KeyKind,
    /// The field has 32 bits; protobuf decodes the lower 32 of a larger number.
    pub narrow: bool,
}

/// A method with the types of its request and response: what typed callers name (`RoleClient::POWER_UP`).
pub struct Method<Req, Rsp> {
    /// The method.
    pub desc: &'static MethodDesc,
    types: PhantomData<fn(Req) -> Rsp>,
}

impl<Req, Rsp> Method<Req, Rsp> {
    /// Generated code alone knows which types belong to a method.
    #[doc(hidden)]
    pub const fn new(desc: &'static MethodDesc) -> Self {
        Self { desc, types: PhantomData }
    }
}

impl<Req, Rsp> Clone for Method<Req, Rsp> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Req, Rsp> Copy for Method<Req, Rsp> {}

impl<Req, Rsp> std::fmt::Debug for Method<Req, Rsp> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.desc.path)
    }
}
