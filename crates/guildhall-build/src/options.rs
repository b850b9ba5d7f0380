//! The options of `guildhall/options.proto` as Rust types, read from descriptors by the extensions' names.

use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage, Value};

use crate::error::{Error, Result};

/// The embedded `guildhall/options.proto`.
pub(crate) const OPTIONS_PROTO: &str = include_str!("../proto/guildhall/options.proto");

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ServiceOptions {
    #[prost(enumeration = "Model", tag = "1")]
    pub(crate) model: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub(crate) enum Model {
    Concurrent = 0,
    Serial = 1,
    Interleaved = 2,
    Actor = 3,
    Client = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub(crate) enum KeyFrom {
    Default = 0,
    Player = 1,
    Body = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub(crate) enum Route {
    Random = 0,
    Hash = 1,
    Single = 2,
    LeastLoad = 3,
}

#[derive(Clone, PartialEq, prost::Message)]
#[expect(clippy::struct_excessive_bools, reason = "the proto's options, one by one")]
pub(crate) struct RpcOptions {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(enumeration = "KeyFrom", tag = "2")]
    pub(crate) key_from: i32,
    #[prost(enumeration = "Route", tag = "3")]
    pub(crate) route: i32,
    #[prost(bool, tag = "4")]
    pub(crate) oneway: bool,
    #[prost(bool, tag = "5")]
    pub(crate) trace: bool,
    #[prost(bool, tag = "6")]
    pub(crate) client: bool,
    #[prost(bool, tag = "7")]
    pub(crate) durable: bool,
    #[prost(bool, tag = "8")]
    pub(crate) idempotent: bool,
    #[prost(bool, tag = "9")]
    pub(crate) create: bool,
    #[prost(uint32, tag = "10")]
    pub(crate) timeout_ms: u32,
    #[prost(bool, tag = "11")]
    pub(crate) keep_on_error: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EntityOptions {
    #[prost(string, tag = "1")]
    pub(crate) table: String,
    #[prost(bool, tag = "2")]
    pub(crate) wakes: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FieldOptions {
    #[prost(bool, tag = "1")]
    pub(crate) key: bool,
    #[prost(string, repeated, tag = "2")]
    pub(crate) views: Vec<String>,
    #[prost(bool, tag = "3")]
    pub(crate) unique: bool,
    #[prost(bool, tag = "4")]
    pub(crate) index: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ErrorOptions {
    #[prost(uint32, tag = "1")]
    pub(crate) base: u32,
}

/// The extension `guildhall.{name}` of these options; `None` where it is not set.
///
/// From the descriptor pool only: prost-types drops extensions.
pub(crate) fn read<T: prost::Message + Default>(
    pool: &DescriptorPool,
    name: &str,
    options: &DynamicMessage,
) -> Result<Option<T>> {
    let Some(extension) = pool.get_extension_by_name(&format!("guildhall.{name}")) else {
        return Ok(None);
    };
    let wrong = |err: &str| {
        let whose = options.descriptor().full_name().to_owned();
        Error::new(format!("option guildhall.{name} of {whose} cannot be read: {err}"))
    };
    if extension.containing_message() != options.descriptor() || !options.has_extension(&extension)
    {
        return Ok(None);
    }
    match options.get_extension(&extension).as_ref() {
        Value::Message(message) => {
            message.transcode_to().map(Some).map_err(|err| wrong(&err.to_string()))
        }
        _ => Err(wrong("it is not a message; is another guildhall/options.proto in the includes?")),
    }
}
