//! Which part of an index a query walks, and where its pages end.

use std::convert::Infallible;

use bytes::Bytes;
use guildhall_core::Key;
use guildhall_core::store::{
    Column, Compare, Condition, Cursor, Kind, Order, PAGE_LOOKS_MAX, PAGE_ROWS_MAX, Query, Row,
    Table, Value,
};

const fn column(number: u32, kind: Kind) -> Column {
    Column { number, name: "a column", kind, unique: false, index: true }
}

static TABLE: Table = Table {
    name: "t",
    key: Column { number: 1, name: "id", kind: Kind::Text, unique: false, index: false },
    columns: &[
        column(2, Kind::Int),
        column(3, Kind::Uint),
        column(4, Kind::Float),
        column(5, Kind::Text),
        column(6, Kind::Bool),
        column(7, Kind::Bytes),
    ],
};

fn query(column: u32, compare: Compare, value: Value) -> Query {
    Query {
        keys_only: false,
        table: &TABLE,
        conditions: vec![Condition { column, compare, value }],
        order: Order::Up(column),
        after: None,
        limit: 10_000,
    }
}

#[test]
fn bytes_of_an_index_compare_as_its_values_do() {
    let ascending: [(u32, Vec<Value>); 6] = [
        (2, [i64::MIN, -256, -1, 0, 1, 255, i64::MAX].map(Value::Int).into()),
        (3, [0, 1, 255, 256, u64::MAX].map(Value::Uint).into()),
        (
            4,
            [f64::NEG_INFINITY, -1e9, -1.5, 0.0, 1e-9, 2.0, f64::INFINITY].map(Value::Float).into(),
        ),
        (5, ["", "\0", "a", "a\0", "aa", "b", "ä"].map(|it| Value::Text(it.into())).into()),
        (6, [false, true].map(Value::Bool).into()),
        (7, [&b""[..], b"\0", b"a", b"\xff"].map(|it| Value::Bytes(it.into())).into()),
    ];
    for (column, values) in ascending {
        let spans = values.iter().map(|value| {
            let equal = query(column, Compare::Equal, value.clone()).span().unwrap();
            let below = query(column, Compare::Less, value.clone()).span().unwrap();
            let above = query(column, Compare::Greater, value.clone()).span().unwrap();
            assert_eq!(Some(equal.from.clone()), below.to, "{value:?}");
            assert_eq!(Some(above.from), equal.to, "{value:?}");
            equal
        });
        let spans: Vec<_> = spans.collect();
        for pair in spans.windows(2) {
            assert!(pair[0].to.as_ref().unwrap() <= &pair[1].from, "{pair:?}");
            assert!(!pair[0].is_empty() && !pair[1].is_empty());
        }
    }
}

#[test]
fn there_is_one_zero() {
    let span = |zero| query(4, Compare::Equal, Value::Float(zero)).span().unwrap();
    assert_eq!(span(0.0), span(-0.0));
}

/// So many rows with `number` in column 2.
fn rows(count: usize, number: i64) -> impl Iterator<Item = Result<(Key, Row), Infallible>> {
    (0..count).map(move |n| {
        let fields = vec![(2, Value::Int(number))];
        let row = Row { token: None, version: 1, exists: true, fields, records: Bytes::new() };
        Ok((Key::from(format!("{n:06}")), row))
    })
}

#[test]
fn a_page_ends_early_where_conditions_leave_few_rows() {
    let query = query(2, Compare::Equal, Value::Int(7));
    let Ok(page) = query.page(rows(PAGE_LOOKS_MAX + 1, 8));
    let last = format!("{:06}", PAGE_LOOKS_MAX - 1);
    let next = Cursor { value: Some(Value::Int(8)), key: Key::from(last) };
    assert_eq!((page.rows.len(), page.next), (0, Some(next)));
    let Ok(page) = query.page(rows(PAGE_LOOKS_MAX, 8));
    assert_eq!((page.rows.len(), page.next), (0, None));
}

#[test]
fn a_page_has_a_bound_whatever_is_asked_for() {
    let query = query(2, Compare::Equal, Value::Int(7));
    let Ok(page) = query.page(rows(PAGE_ROWS_MAX + 1, 7));
    assert_eq!(page.rows.len(), PAGE_ROWS_MAX);
    assert!(page.next.is_some());
    let Ok(page) = query.page(rows(PAGE_ROWS_MAX, 7));
    assert_eq!((page.rows.len(), page.next), (PAGE_ROWS_MAX, None));
}
