//! Keys in bodies that are odd, and in cut ones.

use super::{KeyField, KeyKind, KeyText, Keyed, find_key, put_key};

const TEXT: KeyField = KeyField { number: 2, kind: KeyKind::Text, narrow: false };
const INT: KeyField = KeyField { number: 1, kind: KeyKind::Int, narrow: false };

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
    assert_eq!(find_key(&body, INT), Ok(KeyText::Int(-1)));
    let narrow = KeyField { narrow: true, ..INT };
    assert_eq!(find_key(&body, narrow), Ok(KeyText::Int(-1)));
}

#[test]
fn a_field_of_32_bits_keeps_the_lower_ones() {
    // 2^32 + 5.
    let body = b"\x08\x85\x80\x80\x80\x10";
    for (kind, narrow, key) in [
        (KeyKind::Uint, false, KeyText::Uint(0x1_0000_0005)),
        (KeyKind::Uint, true, KeyText::Uint(5)),
        (KeyKind::Int, false, KeyText::Int(0x1_0000_0005)),
        (KeyKind::Int, true, KeyText::Int(5)),
    ] {
        assert_eq!(find_key(body, KeyField { number: 1, kind, narrow }), Ok(key));
    }
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

#[test]
fn a_key_that_is_appended_is_found() {
    for (field, key) in [(TEXT, KeyText::Text("new")), (INT, KeyText::Int(-7))] {
        let mut body = b"\x08\x07\x12\x03old".to_vec();
        put_key(field, key, &mut body);
        assert_eq!(find_key(&body, field), Ok(key));
    }
}

#[test]
fn nothing_is_appended_to_what_is_not_whole() {
    let whole = b"\x0a\x0212\x18\x84\x07";
    let ends: [&[u8]; 6] = [b"\x22\x04", b"\x25", b"\x21\0\0\0\0", b"\x20\x80", b"\xfa", b"\x23"];
    let key = KeyField { number: 1, ..TEXT };
    for end in ends {
        let body = [whole.as_slice(), end].concat();
        assert!(Keyed::new(body.into(), key, KeyText::Text("13")).is_err(), "{end:x?}");
    }
    let keyed = Keyed::new(whole.to_vec().into(), key, KeyText::Text("13")).unwrap();
    assert_eq!(keyed.parts(), (whole.as_slice(), b"\x0a\x0213".as_slice()));
}
