//! Ids of rows.

use guildhall_core::Key;
use guildhall_core::store::{Column, Kind, RowId, Table};

use super::{id_of, ordered, unordered};

static TABLE: Table = Table {
    name: "t",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[],
};

#[test]
fn no_two_rows_have_one_id() {
    let mut ids = Vec::new();
    let texts = ["", "a", "ab", "b", "\u{1}", "\u{1}s1:ab", "\u{1}k", "\u{1}ka", "1:a", "\0"];
    for key in texts {
        for sub in std::iter::once(None).chain(texts.map(|sub| Some(Key::from(sub)))) {
            ids.push(id_of(&RowId { table: &TABLE, key: key.into(), sub }));
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn unsigned_numbers_keep_their_order() {
    let numbers = [0, 1, (1 << 63) - 1, 1 << 63, u64::MAX];
    assert!(numbers.map(ordered).is_sorted());
    assert_eq!(numbers.map(|n| unordered(ordered(n))), numbers);
}
