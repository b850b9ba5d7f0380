//! Places and values that come back, and bytes that are none.

use guildhall_core::store::{Column, Kind, RowId, Table, Value};

use super::{place_of, raw, read_place, value_of};

static TABLE: Table = Table {
    name: "t",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[],
};

#[test]
fn a_place_is_of_one_row_whatever_is_in_its_keys() {
    let mut seen = std::collections::BTreeSet::new();
    for (key, sub) in [
        ("a", None),
        ("a:b", None),
        ("a", Some("b:c")),
        ("a:b", Some("c")),
        ("1:a", None),
        ("", Some("é")),
    ] {
        let id = RowId { table: &TABLE, key: key.into(), sub: sub.map(Into::into) };
        let place = place_of(&id);
        assert_eq!(read_place(&place).unwrap(), (id.key, id.sub));
        assert!(seen.insert(place));
    }
    for wrong in
        ["", "x", "s", "s1", "s9:a:b", "s1:é:b", "s1:ab", "s99999999999999999999:a:b", "s-1:a:b"]
    {
        assert!(read_place(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn values_come_back_as_they_were() {
    for (kind, value) in [
        (Kind::Bool, Value::Bool(true)),
        (Kind::Int, Value::Int(i64::MIN)),
        (Kind::Uint, Value::Uint(u64::MAX)),
        (Kind::Float, Value::Float(-0.1 + 0.3)),
        (Kind::Float, Value::Float(f64::NEG_INFINITY)),
        (Kind::Text, Value::Text("a\0é".to_owned())),
        (Kind::Bytes, Value::Bytes(vec![0, 255, 13, 10].into())),
    ] {
        assert_eq!(value_of(kind, raw(&value)), Ok(value));
    }
    for (kind, wrong) in [
        (Kind::Bool, &b"2"[..]),
        (Kind::Int, b"1.5"),
        (Kind::Uint, b"+1"),
        (Kind::Uint, b"18446744073709551616"),
        (Kind::Float, b"much"),
        (Kind::Text, b"\xff"),
    ] {
        assert!(value_of(kind, wrong.to_vec()).is_err(), "{kind:?} {wrong:?}");
    }
}
