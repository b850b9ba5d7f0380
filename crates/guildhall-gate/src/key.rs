//! The key of a call: appended with the session's player, or found in what the client sent.

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_core::{Code, KeyField, KeyKind, KeyText, Status};
use guildhall_runtime::raw::find_key;
use prost::encoding::{self, WireType};

/// A key that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnedKey {
    None,
    Text(Bytes),
    Uint(u64),
    Int(i64),
}

impl OwnedKey {
    pub(crate) fn borrow(&self) -> KeyText<'_> {
        match self {
            Self::None => KeyText::None,
            Self::Text(text) => KeyText::Text(std::str::from_utf8(text).unwrap_or_default()),
            Self::Uint(key) => KeyText::Uint(*key),
            Self::Int(key) => KeyText::Int(*key),
        }
    }
}

/// The session's player as the key field `field`: the key, and the encoded field to append. In protobuf the last value of a
/// field counts, so whatever the client wrote there is void. `narrow`: the field has 32 bits.
///
/// # Errors
/// `BAD_KEY`: the field is an integer, and the player's id is none that fits.
pub(crate) fn of_player(
    field: KeyField,
    narrow: bool,
    player: &str,
) -> Result<(OwnedKey, Vec<u8>), Status> {
    let mut tail = Vec::with_capacity(player.len() + 12);
    let bad = || {
        let bits = if narrow { 32 } else { 64 };
        let why = format!(
            "the player's id `{player}` is no key of this method: it takes integers of {bits} bits"
        );
        Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why)
    };
    let key = match field.kind {
        KeyKind::Text => {
            encoding::encode_key(field.number, WireType::LengthDelimited, &mut tail);
            encoding::encode_varint(player.len() as u64, &mut tail);
            tail.extend_from_slice(player.as_bytes());
            OwnedKey::Text(Bytes::copy_from_slice(player.as_bytes()))
        }
        KeyKind::Uint => {
            let key: u64 = player.parse().map_err(|_| bad())?;
            // `007` and `+7` would be other sessions for the entity of 7.
            if key.to_string() != player || (narrow && u32::try_from(key).is_err()) {
                return Err(bad());
            }
            encoding::uint64::encode(field.number, &key, &mut tail);
            OwnedKey::Uint(key)
        }
        KeyKind::Int => {
            let key: i64 = player.parse().map_err(|_| bad())?;
            if key.to_string() != player || (narrow && i32::try_from(key).is_err()) {
                return Err(bad());
            }
            encoding::int64::encode(field.number, &key, &mut tail);
            OwnedKey::Int(key)
        }
    };
    Ok((key, tail))
}

/// Finds the key field by its tag on the top level of `body`; the last one counts. Absent, it has its default, which the
/// router refuses.
///
/// # Errors
/// `BAD_REQUEST`: these bytes are no protobuf message, or their key field is of another type.
pub(crate) fn in_body(field: KeyField, narrow: bool, body: &Bytes) -> Result<OwnedKey, Status> {
    let key = find_key(body, field).map_err(|why| {
        let why = format!("the request does not decode: {why}");
        Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why)
    })?;
    Ok(match key {
        KeyText::None => OwnedKey::None,
        KeyText::Text(text) => OwnedKey::Text(body.slice_ref(text.as_bytes())),
        KeyText::Uint(bits) => OwnedKey::Uint(as_decoded(bits, narrow)),
        KeyText::Int(bits) => OwnedKey::Int(as_decoded_signed(bits, narrow)),
    })
}

/// A field of 32 bits keeps the lower ones, as the callee will decode it.
#[allow(clippy::cast_possible_truncation, reason = "protobuf's rule")]
fn as_decoded(bits: u64, narrow: bool) -> u64 {
    if narrow { u64::from(bits as u32) } else { bits }
}

#[allow(clippy::cast_possible_truncation, reason = "protobuf's rule: two's complement")]
fn as_decoded_signed(bits: i64, narrow: bool) -> i64 {
    if narrow { i64::from(bits as i32) } else { bits }
}

#[cfg(test)]
mod tests;
