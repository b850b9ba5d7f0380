//! Any JSON as the body of a text client: what it becomes is a whole message, and reads back as JSON.

#[path = "../../crates/guildhall-gate/src/json.rs"]
mod json;

use std::sync::OnceLock;

use prost_reflect::{DescriptorPool, MessageDescriptor};
use serde_json::value::RawValue;

/// The descriptors of descriptors: they hold every kind of field but bytes, and themselves.
fn messages() -> &'static [MessageDescriptor] {
    static MESSAGES: OnceLock<Vec<MessageDescriptor>> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        let pool = DescriptorPool::global();
        let names = [
            "google.protobuf.FileDescriptorProto",
            "google.protobuf.Value",
            "google.protobuf.Any",
            "google.protobuf.Timestamp",
            "google.protobuf.FieldMask",
            "google.protobuf.BytesValue",
        ];
        let find = |name: &str| pool.get_message_by_name(name).expect(name);
        names.into_iter().map(find).collect()
    })
}

/// One input.
pub fn run(data: &[u8]) {
    let Some((&which, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let Ok(body) = RawValue::from_string(text.to_owned()) else {
        return;
    };
    let desc = &messages()[usize::from(which) % messages().len()];
    match json::to_protobuf(desc, &body, which & 0x80 != 0) {
        Ok(bytes) => {
            // Not every message has JSON: a date past the year 9999 has not.
            let _ = json::from_protobuf(desc, &bytes);
        }
        Err(status) => assert!(status.message().len() < 512, "{status}"),
    }
    let _ = json::from_protobuf(desc, data);
}
