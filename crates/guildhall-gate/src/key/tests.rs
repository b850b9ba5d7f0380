//! Players as keys, and keys in bodies.

use bytes::Bytes;
use guildhall_core::status::reason;
use guildhall_core::{KeyField, KeyKind};
use prost::Message;

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

const ID: KeyField = KeyField { number: 1, kind: KeyKind::Int, narrow: false };
const NAME: KeyField = KeyField { number: 2, kind: KeyKind::Text, narrow: false };
const SMALL: KeyField = KeyField { number: 3, kind: KeyKind::Uint, narrow: true };

fn req(id: i64, name: &str, small: u32) -> Req {
    Req { id, name: name.into(), small, inner: None }
}

#[test]
fn a_forged_key_of_the_player_is_void() {
    for field in [ID, NAME, SMALL] {
        let body = req(666, "666", 666).encode_to_vec();
        let (key, keyed) = of_player(field, "7", body.into()).unwrap();
        let decoded = Req::decode(&*[keyed.parts().0, keyed.parts().1].concat()).unwrap();
        let got = match key {
            OwnedKey::Int(key) => decoded.id == 7 && key == 7,
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
        (ID, "bob"),
        (SMALL, "4294967297"),
        (SMALL, "-1"),
        (KeyField { narrow: true, ..ID }, "3000000000"),
        (ID, "007"),
        (KeyField { narrow: false, ..SMALL }, "+7"),
    ];
    for (field, player) in cases {
        let status = of_player(field, player, Bytes::new()).unwrap_err();
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
    assert_eq!(in_body(ID, &body).unwrap(), OwnedKey::Int(decoded.id));
    assert_eq!(in_body(NAME, &body).unwrap(), OwnedKey::Text(decoded.name.into()));
    assert_eq!(in_body(SMALL, &body).unwrap(), OwnedKey::Uint(decoded.small.into()));
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let cases: [&[u8]; 5] =
        [&[0x0a, 0x7f], &[0xff; 12], &[0x08], &[0x12, 0x02, 0xff, 0xfe], &[0x0a, 0x00]];
    for bytes in cases {
        let body = Bytes::from_static(bytes);
        let field = if bytes[0] == 0x12 { NAME } else { ID };
        let key = in_body(field, &body).unwrap_err();
        assert_eq!(key.reason(), reason::BAD_REQUEST, "{bytes:?}");
        let player = of_player(field, "7", body).unwrap_err();
        assert_eq!(player.reason(), reason::BAD_REQUEST, "{bytes:?}");
    }
}
