//! Conversion of bodies between protobuf and JSON, for JSON clients.

use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Status, outside};
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor};
use serde_json::value::{RawValue, to_raw_value};

/// Encodes a client's JSON as the message `desc`. Fields that the message does not have are left out, or with `is_strict` refused.
///
/// # Errors
/// `BAD_REQUEST`, with the place in the text.
pub(crate) fn to_protobuf(
    desc: &MessageDescriptor,
    json: &RawValue,
    is_strict: bool,
) -> Result<Vec<u8>, Status> {
    let options = DeserializeOptions::new().deny_unknown_fields(is_strict);
    let mut text = serde_json::Deserializer::from_str(json.get());
    let message = DynamicMessage::deserialize_with_options(desc.clone(), &mut text, &options)
        .and_then(|message| text.end().map(|()| message));
    let message = message.map_err(|error| {
        // The library's message may quote the body.
        let (text, place) = (error.to_string(), place(&error));
        let what = outside(text.strip_suffix(&place).unwrap_or(&text));
        let why = format!("the body is no {}: {what}{place}", desc.full_name());
        Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why)
    })?;
    Ok(message.encode_to_vec())
}

fn place(error: &serde_json::Error) -> String {
    format!(" at line {} column {}", error.line(), error.column())
}

/// Decodes a message of an app and writes it as JSON.
///
/// # Errors
/// `BAD_REPLY`: the bytes are not that message.
pub(crate) fn from_protobuf(
    desc: &MessageDescriptor,
    body: &[u8],
) -> Result<Box<RawValue>, Status> {
    let bad = |error: &dyn std::fmt::Display| {
        let why = format!("a body is no {}: {error}", desc.full_name());
        Status::new(Code::Internal, why).with_reason(reason::BAD_REPLY).with_effect(Effect::Ran)
    };
    let message = DynamicMessage::decode(desc.clone(), body).map_err(|e| bad(&e))?;
    to_raw_value(&message).map_err(|e| bad(&e))
}
