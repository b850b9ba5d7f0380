//! Finds the key of a call in its encoded request, by a scan of the top-level tags.

use std::borrow::Cow;

use bytes::Bytes;
use guildhall_core::{Key, KeyField, KeyKind, KeyText};
use prost::bytes::Buf;
use prost::encoding::{self, DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// The key field's value; of several the last one, as protobuf says. Absent, it has its default, which is no key.
///
/// # Errors
/// The body is no protobuf message, or its key field is of another type.
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
                found = KeyText::Uint(decode_varint(&mut rest).map_err(bad)?);
            }
            (true, KeyKind::Int, WireType::Varint) => {
                let bits = decode_varint(&mut rest).map_err(bad)?;
                found = KeyText::Int(bits.cast_signed());
            }
            (true, ..) => return Err(format!("its field {tag} is not of the key's type").into()),
            (false, ..) => {
                skip_field(wire_type, tag, &mut rest, DecodeContext::default()).map_err(bad)?;
            }
        }
    }
    Ok(found)
}

/// The encoded request with its key field set to `key`: appended, as of several values the last one counts.
pub(super) fn with_key(body: &[u8], field: KeyField, key: &Key) -> Bytes {
    let mut body = body.to_vec();
    // An actor's key is canonical text of its method's type.
    match field.kind {
        KeyKind::Text => encoding::string::encode(field.number, &key.to_string(), &mut body),
        KeyKind::Uint => encoding::uint64::encode(field.number, &number(key), &mut body),
        KeyKind::Int => encoding::int64::encode(field.number, &number(key), &mut body),
    }
    body.into()
}

fn number<N: std::str::FromStr + Default>(key: &Key) -> N {
    key.as_str().parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{KeyField, KeyKind, KeyText, find_key};

    const TEXT: KeyField = KeyField { number: 2, kind: KeyKind::Text };

    #[test]
    fn the_last_of_several_values_is_the_key() {
        let body = b"\x08\x07\x12\x03old\x1a\x01x\x12\x03new";
        assert_eq!(find_key(body, TEXT), Ok(KeyText::Text("new")));
    }

    #[test]
    fn a_negative_number_is_a_key() {
        let mut body = vec![0x08];
        body.extend([0xff; 9]);
        body.push(1);
        let field = KeyField { number: 1, kind: KeyKind::Int };
        assert_eq!(find_key(&body, field), Ok(KeyText::Int(-1)));
    }

    #[test]
    fn no_cut_of_a_request_panics() {
        let body = b"\x08\x07\x12\x03old\x1a\x01x\x12\x03new";
        for len in 0..body.len() {
            let _read_or_refused = find_key(&body[..len], TEXT);
        }
        assert!(find_key(b"\x12\xff\xff\xff\xff\x0f", TEXT).is_err());
        assert!(find_key(b"\x12\x02\xff\xfe", TEXT).is_err());
    }
}
