//! The key of a call in its encoded request: found by a scan of the top-level tags, or appended.

use std::borrow::Cow;

use bytes::{Buf, BufMut, Bytes};
use prost::encoding::{self, DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::KeyField;
use crate::key::{KeyKind, KeyText};

/// The key field's value; of several the last one, as protobuf says. Absent, it has its default, which is no key.
///
/// The scan goes to the end of the body, and reads a key as prost decodes it: what one of the two takes for the key, the other does
/// too, or one of them refuses the body.
///
/// # Errors
/// The body is no whole protobuf message, or its key field is of another type.
pub fn find_key(body: &[u8], field: KeyField) -> Result<KeyText<'_>, Cow<'static, str>> {
    let bad = |error| Cow::from(format!("the request cannot be read: {error}"));
    let mut rest = body;
    let mut found = match field.kind {
        KeyKind::Text => KeyText::Text(""),
        KeyKind::Uint => KeyText::Uint(0),
        KeyKind::Int => KeyText::Int(0),
    };
    while rest.has_remaining() {
        let (tag, wire_type) = decode_key(&mut rest).map_err(bad)?;
        match (tag == field.number, field.kind, wire_type) {
            (true, KeyKind::Text, WireType::LengthDelimited) => {
                let len = decode_varint(&mut rest).map_err(bad)?;
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                let (text, after) = rest.split_at_checked(len).ok_or("the key is cut off")?;
                let text = std::str::from_utf8(text).map_err(|_| "the key is not UTF-8")?;
                (found, rest) = (KeyText::Text(text), after);
            }
            (true, KeyKind::Uint, WireType::Varint) => {
                found = KeyText::Uint(unsigned(decode_varint(&mut rest).map_err(bad)?, field));
            }
            (true, KeyKind::Int, WireType::Varint) => {
                found = KeyText::Int(signed(decode_varint(&mut rest).map_err(bad)?, field));
            }
            (true, ..) => return Err(format!("its field {tag} is not of the key's type").into()),
            (false, ..) => {
                skip_field(wire_type, tag, &mut rest, DecodeContext::default()).map_err(bad)?;
            }
        }
    }
    Ok(found)
}

#[expect(clippy::cast_possible_truncation, reason = "protobuf's rule for fields of 32 bits")]
fn unsigned(bits: u64, field: KeyField) -> u64 {
    if field.narrow { u64::from(bits as u32) } else { bits }
}

#[expect(clippy::cast_possible_truncation, reason = "protobuf's rule: two's complement")]
fn signed(bits: u64, field: KeyField) -> i64 {
    if field.narrow { i64::from((bits as u32).cast_signed()) } else { bits.cast_signed() }
}

/// Appends the key field with this value; no key appends nothing.
pub fn put_key(field: KeyField, key: KeyText<'_>, to: &mut Vec<u8>) {
    match key {
        KeyText::None => {}
        KeyText::Text(text) => {
            encoding::encode_key(field.number, WireType::LengthDelimited, to);
            encoding::encode_varint(text.len() as u64, to);
            to.put_slice(text.as_bytes());
        }
        KeyText::Uint(number) => encoding::uint64::encode(field.number, &number, to),
        KeyText::Int(number) => encoding::int64::encode(field.number, &number, to),
    }
}

/// A message from outside with a key of ours appended: by protobuf's last-value rule it wins over what the message says.
///
/// The message was parsed to its end: one that ends inside a field, or in the head of one, would swallow what is appended.
#[derive(Clone, Debug)]
pub struct Keyed {
    body: Bytes,
    tail: Vec<u8>,
}

impl Keyed {
    /// Appends `key` as `field`.
    ///
    /// # Errors
    /// The message is not whole, or its own key field is of another type.
    pub fn new(body: Bytes, field: KeyField, key: KeyText<'_>) -> Result<Self, Cow<'static, str>> {
        find_key(&body, field)?;
        let mut tail = Vec::new();
        put_key(field, key, &mut tail);
        Ok(Self { body, tail })
    }

    /// A message whose own key counts, or that has none: nothing is appended.
    pub fn as_it_came(body: Bytes) -> Self {
        Self { body, tail: Vec::new() }
    }

    /// The message as it came, and what is appended to it.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        (&self.body, &self.tail)
    }
}

#[cfg(test)]
mod tests;
