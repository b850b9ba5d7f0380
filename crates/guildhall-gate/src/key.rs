//! The key of a call: the session's player, or a field of the client's request.

use bytes::Bytes;
use guildhall_core::rpc::{Keyed, find_key};
use guildhall_core::status::reason;
use guildhall_core::{Code, KeyField, KeyKind, KeyText, Status, outside};

/// A key that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnedKey {
    None,
    Text(Bytes),
    Uint(u64),
    Int(i64),
}

impl OwnedKey {
    /// The same, apart from the packet that it came in.
    pub(crate) fn detached(&self) -> Self {
        match self {
            Self::Text(text) => Self::Text(Bytes::copy_from_slice(text)),
            other => other.clone(),
        }
    }

    pub(crate) fn borrow(&self) -> KeyText<'_> {
        match self {
            Self::None => KeyText::None,
            Self::Text(text) => KeyText::Text(std::str::from_utf8(text).unwrap_or_default()),
            Self::Uint(key) => KeyText::Uint(*key),
            Self::Int(key) => KeyText::Int(*key),
        }
    }
}

/// The session's player as the key field `field`, appended to `body`: whatever the client wrote there is void.
///
/// # Errors
/// `BAD_KEY`: the field is an integer, and the player's id is none that fits. `BAD_REQUEST`: the body is not whole, or its key
/// field is of another type.
pub(crate) fn of_player(
    field: KeyField,
    player: &str,
    body: Bytes,
) -> Result<(OwnedKey, Keyed), Status> {
    let key = player_as(field, player).ok_or_else(|| {
        let bits = if field.narrow { 32 } else { 64 };
        let why = format!(
            "the player's id `{}` is no key of this method: it takes integers of {bits} bits",
            outside(player)
        );
        Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why)
    })?;
    let keyed = Keyed::new(body, field, key.borrow()).map_err(|why| undecodable(&why))?;
    Ok((key, keyed))
}

/// `007` and `+7` would be other sessions for the entity of 7: they are no keys.
fn player_as(field: KeyField, player: &str) -> Option<OwnedKey> {
    let key = match field.kind {
        KeyKind::Text => OwnedKey::Text(Bytes::copy_from_slice(player.as_bytes())),
        KeyKind::Uint => {
            let key: u64 = player.parse().ok().filter(|key: &u64| key.to_string() == player)?;
            OwnedKey::Uint(if field.narrow { u32::try_from(key).ok()?.into() } else { key })
        }
        KeyKind::Int => {
            let key: i64 = player.parse().ok().filter(|key: &i64| key.to_string() == player)?;
            OwnedKey::Int(if field.narrow { i32::try_from(key).ok()?.into() } else { key })
        }
    };
    Some(key)
}

/// Finds the key field by its tag on the top level of `body`; the last one counts.
///
/// # Errors
/// `BAD_REQUEST`: these bytes are no protobuf message, or their key field is of another type. `BAD_KEY`: it is absent, empty or too
/// long.
pub(crate) fn in_body(field: KeyField, body: &Bytes) -> Result<OwnedKey, Status> {
    let key = find_key(body, field).map_err(|why| undecodable(&why))?;
    key.with_text(|text| text.map(|_| ()))
        .map_err(|why| Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why.to_string()))?;
    Ok(match key {
        KeyText::None => OwnedKey::None,
        KeyText::Text(text) => OwnedKey::Text(body.slice_ref(text.as_bytes())),
        KeyText::Uint(key) => OwnedKey::Uint(key),
        KeyText::Int(key) => OwnedKey::Int(key),
    })
}

fn undecodable(why: &str) -> Status {
    let why = format!("the request does not decode: {why}");
    Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why)
}

#[cfg(test)]
mod tests;
