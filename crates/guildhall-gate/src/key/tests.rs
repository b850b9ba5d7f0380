//! Keys against what prost makes of the same bytes.

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_core::{KeyField, KeyKind};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::{OwnedKey, in_body, of_player};

#[derive(Clone, PartialEq, Message)]
struct Req {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint32, tag = "3")]
    small: u32,
    #[prost(message, optional, boxed, tag = "4")]
    inner: Option<Box<Req>>,
}

const ID: KeyField = KeyField { number: 1, kind: KeyKind::Int };
const NAME: KeyField = KeyField { number: 2, kind: KeyKind::Text };
const SMALL: KeyField = KeyField { number: 3, kind: KeyKind::Uint };

fn req(id: i64, name: &str, small: u32) -> Req {
    Req { id, name: name.into(), small, inner: None }
}

#[test]
fn a_forged_key_of_the_player_is_void() {
    for (field, narrow) in [(ID, false), (NAME, false), (SMALL, true)] {
        let mut body = req(666, "666", 666).encode_to_vec();
        let (key, tail) = of_player(field, narrow, "7").unwrap();
        body.extend_from_slice(&tail);
        let decoded = Req::decode(&*body).unwrap();
        let got = match key {
            OwnedKey::Int(key) => (decoded.id, key).0 == 7 && key == 7,
            OwnedKey::Uint(key) => decoded.small == 7 && key == 7,
            OwnedKey::Text(key) => decoded.name == "7" && key == "7",
            OwnedKey::None => false,
        };
        assert!(got, "{field:?}: {decoded:?}");
    }
}

#[test]
fn a_player_that_is_no_integer_of_the_fields_width_is_no_key() {
    let cases = [
        (ID, false, "bob"),
        (SMALL, true, "4294967297"),
        (SMALL, true, "-1"),
        (ID, true, "3000000000"),
        (ID, false, "007"),
        (SMALL, false, "+7"),
    ];
    for (field, narrow, player) in cases {
        let status = of_player(field, narrow, player).unwrap_err();
        assert_eq!(status.reason(), reason::BAD_KEY, "{player}");
    }
}

#[test]
fn the_last_key_in_a_body_counts_and_those_inside_messages_do_not() {
    let mut first = req(1, "first", 1);
    first.inner = Some(Box::new(req(9, "inner", 9)));
    let mut body = first.encode_to_vec();
    body.extend_from_slice(&req(-2, "last", 2).encode_to_vec());
    let decoded = Req::decode(&*body).unwrap();
    let body = Bytes::from(body);
    assert_eq!(in_body(ID, false, &body).unwrap(), OwnedKey::Int(decoded.id));
    assert_eq!(in_body(NAME, false, &body).unwrap(), OwnedKey::Text(decoded.name.into()));
    assert_eq!(in_body(SMALL, true, &body).unwrap(), OwnedKey::Uint(decoded.small.into()));
}

#[test]
fn a_field_of_32_bits_is_read_as_the_callee_will() {
    // Tag 3, varint 2^32 + 5.
    let body = Bytes::from_static(&[0x18, 0x85, 0x80, 0x80, 0x80, 0x10]);
    let decoded = Req::decode(body.clone()).unwrap();
    assert_eq!(in_body(SMALL, true, &body).unwrap(), OwnedKey::Uint(decoded.small.into()));
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let cases: [&[u8]; 5] =
        [&[0x0a, 0x7f], &[0xff; 12], &[0x08], &[0x12, 0x02, 0xff, 0xfe], &[0x0a, 0x00]];
    for bytes in cases {
        let body = Bytes::from_static(bytes);
        let status = match bytes {
            [0x12, ..] => in_body(NAME, false, &body),
            _ => in_body(ID, false, &body),
        };
        assert_eq!(status.unwrap_err().reason(), reason::BAD_REQUEST, "{bytes:?}");
    }
}

/// Fields as a hostile client may write them: any number, wire type and order, and cut off anywhere.
fn hostile_body() -> impl Strategy<Value = Vec<u8>> {
    let field = (1..6u32, 0..4u8, any::<u64>(), vec(any::<u8>(), 0..6));
    (vec(field, 0..6), 0..8usize).prop_map(|(fields, cut)| {
        let mut body = Vec::new();
        for (number, wire, bits, bytes) in fields {
            let (wire, value) = match wire {
                0 => (WireType::Varint, varint(bits)),
                1 => (WireType::SixtyFourBit, bits.to_le_bytes().to_vec()),
                2 => (WireType::LengthDelimited, [varint(bytes.len() as u64), bytes].concat()),
                _ => (WireType::ThirtyTwoBit, bits.to_le_bytes()[..4].to_vec()),
            };
            encode_key(number, wire, &mut body);
            body.extend(value);
        }
        // Mostly whole ones.
        body.truncate(body.len() - cut.saturating_sub(5).min(body.len()));
        body
    })
}

fn varint(bits: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(bits, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// The gate routes by what it sees, and the callee acts on what it decodes: they must not differ.
    #[test]
    fn the_gate_sees_the_key_that_the_callee_decodes(body in hostile_body()) {
        let decoded = Req::decode(&*body);
        let body = Bytes::from(body);
        let seen = [in_body(ID, false, &body), in_body(NAME, false, &body), in_body(SMALL, true, &body)];
        if let (Ok(req), [Ok(id), Ok(name), Ok(small)]) = (&decoded, &seen) {
            prop_assert_eq!(id, &OwnedKey::Int(req.id));
            prop_assert_eq!(name, &OwnedKey::Text(req.name.clone().into()));
            prop_assert_eq!(small, &OwnedKey::Uint(req.small.into()));
        }
        // What the callee can decode, the gate does not refuse.
        prop_assert!(decoded.is_err() || seen.iter().all(Result::is_ok));
    }

    #[test]
    fn no_bytes_make_the_scan_panic(body in vec(any::<u8>(), 0..40)) {
        let body = Bytes::from(body);
        let _refused = (in_body(ID, false, &body), in_body(NAME, false, &body));
    }
}
