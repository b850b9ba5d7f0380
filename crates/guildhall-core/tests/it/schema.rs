//! What may change about a table between two releases.

use guildhall_core::store::schema::Schema;
use guildhall_core::store::{Column, Kind, Table};

const fn column(number: u32, name: &'static str, kind: Kind) -> Column {
    Column { number, name, kind, unique: false, index: false }
}

const KEY: Column = column(1, "id", Kind::Text);

static OLD: Table = Table {
    name: "t",
    key: KEY,
    columns: &[column(2, "a", Kind::Text), column(3, "b", Kind::Int)],
};
static NEW: Table = Table {
    name: "t",
    key: KEY,
    columns: &[column(2, "a", Kind::Text), column(4, "c", Kind::Int)],
};
static RETYPED: Table = Table { name: "t", key: KEY, columns: &[column(3, "b", Kind::Text)] };
static RENAMED: Table = Table { name: "t", key: KEY, columns: &[column(3, "power", Kind::Int)] };

#[test]
fn columns_come_and_none_is_forgotten() {
    let schema = Schema::default().evolve(&OLD).unwrap().evolve(&NEW).unwrap();
    let names: Vec<_> = schema.columns.values().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["id", "a", "b", "c"]);
}

#[test]
fn a_retyped_column_is_refused_even_after_it_was_gone() {
    let schema = Schema::default().evolve(&OLD).unwrap().evolve(&NEW).unwrap();
    let error = schema.evolve(&RETYPED).unwrap_err().to_string();
    assert!(error.contains("column 3 `b` is Text here and Int in the store"), "{error}");
}

#[test]
fn a_number_under_another_name_is_refused_with_the_remedy() {
    let error = Schema::default().evolve(&OLD).unwrap().evolve(&RENAMED).unwrap_err().to_string();
    assert!(
        error.contains("`power` here and `b` in the store") && error.contains("new number"),
        "{error}"
    );
}
