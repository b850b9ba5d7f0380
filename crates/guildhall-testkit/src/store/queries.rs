//! Rules of queries: allowed conditions, and the order of pages.

use guildhall_core::Key;
use guildhall_core::store::{
    Committed, Compare, Condition, Cursor, Guard, Migrate, Order, Query, Store, StoreErrorKind,
    Table, Value, WAKE, Write,
};

use super::ground::{
    HANDLE, KEY, NAME, POWER, ROLE, claim, commit, created, int, kind_of, op, opened, text, token,
};

fn query(conditions: Vec<Condition>, order: Order, limit: usize) -> Query {
    Query { table: &ROLE, conditions, order, after: None, limit, keys_only: false }
}

fn when(column: u32, compare: Compare, value: Value) -> Vec<Condition> {
    vec![Condition { column, compare, value }]
}

fn power(compare: Compare, power: i64) -> Vec<Condition> {
    when(POWER, compare, Value::Int(power))
}

/// The keys of the rows with this power.
pub(super) async fn with_power(
    store: &dyn Store,
    table: &'static Table,
    power: i64,
) -> Vec<String> {
    let equal = Condition { column: POWER, compare: Compare::Equal, value: Value::Int(power) };
    let conditions = vec![equal];
    let query =
        Query { table, conditions, order: Order::Key, after: None, limit: 9, keys_only: false };
    let page = store.query(&query).await.expect("the store is there");
    page.rows.into_iter().map(|(key, _)| key.to_string()).collect()
}

/// The keys of all pages; pages with `|` between them.
async fn ask(store: &dyn Store, mut query: Query) -> String {
    let mut pages = Vec::new();
    loop {
        let page = store.query(&query).await.expect("the store is there");
        assert!(page.rows.len() <= query.limit, "{} rows", page.rows.len());
        let keys: Vec<String> = page.rows.iter().map(|(key, _)| key.to_string()).collect();
        pages.push(keys.join(" "));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return pages.join("|"),
        }
    }
}

/// Rule 12.
pub async fn a_query_pages_in_key_order_and_skips_tombstones<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    fill(&store).await;
    assert_eq!(ask(&store, query(Vec::new(), Order::Key, 2)).await, "10 a|b d|e");
    let strong = power(Compare::Equal, 5);
    assert_eq!(ask(&store, query(strong, Order::Key, 1)).await, "10|e");
    assert_eq!(ask(&store, query(power(Compare::Equal, 3), Order::Key, 9)).await, "", "deleted");
    assert_eq!(ask(&store, query(power(Compare::Equal, 0), Order::Key, 9)).await, "b", "absent");

    let handle = |of: &str| when(HANDLE, Compare::Equal, Value::Text(format!("handle of {of}")));
    assert_eq!(ask(&store, query(handle("b"), Order::Key, 9)).await, "b");
    assert_eq!(ask(&store, query(handle("c"), Order::Key, 9)).await, "", "it was deleted");
    let both = [handle("d"), power(Compare::Greater, 3)].concat();
    assert_eq!(ask(&store, query(both, Order::Key, 9)).await, "d");
    let both = [handle("d"), power(Compare::Greater, 4)].concat();
    assert_eq!(ask(&store, query(both, Order::Key, 9)).await, "", "all must hold");

    let update = op("d", Guard::Owner(token(5), 2), Write::Update(vec![int(POWER, 9)]));
    assert_eq!(commit(&store, update).await, Ok(Committed { versions: vec![3] }));
    assert_eq!(ask(&store, query(power(Compare::Equal, 4), Order::Key, 9)).await, "");
    assert_eq!(ask(&store, query(power(Compare::Equal, 9), Order::Key, 9)).await, "d");
}

/// Rule 12.
pub async fn a_query_pages_in_the_order_of_an_index<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    fill(&store).await;
    let all = query(Vec::new(), Order::Up(POWER), 2);
    if !store.capabilities().order {
        assert_eq!(kind_of(store.query(&all).await), StoreErrorKind::Invalid);
        return;
    }
    assert_eq!(ask(&store, all).await, "a b|d 10|e", "-1 0 4 5 5");
    assert_eq!(ask(&store, query(Vec::new(), Order::Down(POWER), 2)).await, "e 10|d b|a");
    let range = |low, high| [power(Compare::Greater, low), power(Compare::Less, high)].concat();
    assert_eq!(ask(&store, query(range(-1, 5), Order::Up(POWER), 9)).await, "b d");
    assert_eq!(ask(&store, query(range(-1, 6), Order::Down(POWER), 1)).await, "e|10|d|b");
    assert_eq!(ask(&store, query(range(3, 3), Order::Up(POWER), 9)).await, "");
    assert_eq!(ask(&store, query(range(5, 3), Order::Down(POWER), 9)).await, "");

    // A cursor is a place, not a row: what is deleted meanwhile is missing, and nothing else.
    let after = Some(Cursor { value: Some(Value::Int(5)), key: Key::from("10") });
    let rest = Query { after, ..query(Vec::new(), Order::Up(POWER), 9) };
    let delete = op("10", Guard::Owner(token(5), 2), Write::Delete);
    assert_eq!(commit(&store, delete).await, Ok(Committed { versions: vec![3] }));
    assert_eq!(ask(&store, rest).await, "e");
    let names = query(Vec::new(), Order::Down(HANDLE), 9);
    assert_eq!(ask(&store, names).await, "e d b a", "unique columns have an index, too");
}

/// A table whose actors may have to be woken.
static SLEEPER: Table =
    Table { name: "contract_sleeper", key: KEY, columns: &[ROLE.columns[0], WAKE] };

/// Rule 12, of the column that no proto has.
pub async fn rows_that_are_due_come_in_the_order_of_their_times<T: Store>(
    open: impl AsyncFn() -> T,
) {
    let store = open().await;
    store.prepare(&[&SLEEPER], Migrate::Auto).await.expect("it is a column like others");
    for (key, wake_ms) in [("a", 7), ("b", 0), ("c", 3), ("d", 9)] {
        let mut create =
            op(key, Guard::Absent, Write::Create(vec![(WAKE.number, Value::Uint(wake_ms))]));
        create.row.table = &SLEEPER;
        assert_eq!(commit(&store, create).await, Ok(Committed { versions: vec![1] }));
    }
    let is = |compare, value| when(WAKE.number, compare, Value::Uint(value));
    let conditions = [is(Compare::Greater, 0), is(Compare::Less, 8)].concat();
    let (table, order) = (&SLEEPER, Order::Up(WAKE.number));
    let due = Query { table, conditions, order, after: None, limit: 1, keys_only: true };
    if store.capabilities().order {
        assert_eq!(ask(&store, due).await, "c|a");
    } else {
        assert_eq!(kind_of(store.query(&due).await), StoreErrorKind::Invalid);
    }
}

/// Rule 12.
pub async fn a_query_for_keys_alone_leaves_the_rest_of_the_rows_out<T: Store>(
    open: impl AsyncFn() -> T,
) {
    let store = opened(&open).await;
    fill(&store).await;
    let keys = |order| Query { keys_only: true, ..query(Vec::new(), order, 2) };
    assert_eq!(ask(&store, keys(Order::Key)).await, "10 a|b d|e", "its pages are the same");
    let page = store.query(&keys(Order::Key)).await.expect("the store is there");
    let is_bare = |row: &guildhall_core::store::Row| row.exists && row.records.is_empty();
    assert!(page.rows.iter().all(|(_, row)| is_bare(row) && row.fields.is_empty()), "{page:?}");
    if store.capabilities().order {
        let ordered = keys(Order::Up(POWER));
        let whole = Query { keys_only: false, ..ordered.clone() };
        assert_eq!(ask(&store, ordered.clone()).await, ask(&store, whole).await);
        let page = store.query(&ordered).await.expect("the store is there");
        let of_order = |(number, _): &(u32, Value)| *number == POWER;
        assert!(page.rows.iter().all(|(_, row)| row.fields.iter().all(of_order)), "{page:?}");
    }
}

/// Rule 12.
pub async fn a_query_by_a_column_without_index_is_refused<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    let unnamed = when(NAME, Compare::Equal, Value::Text(String::new()));
    let error = store.query(&query(unnamed, Order::Key, 1)).await.expect_err("it has no index");
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    let message = error.to_string();
    assert!(
        message.contains("`name` is not indexed") && message.contains("index: true"),
        "{message}"
    );

    let elsewhere = Some(Cursor { value: None, key: Key::from("a") });
    for wrong in [
        query(Vec::new(), Order::Up(NAME), 1),
        query(when(KEY.number, Compare::Equal, Value::Text("a".to_owned())), Order::Key, 1),
        query(when(99, Compare::Equal, Value::Int(1)), Order::Key, 1),
        query(when(POWER, Compare::Equal, Value::Text("strong".to_owned())), Order::Key, 1),
        query(power(Compare::Less, 1), Order::Key, 1),
        query(power(Compare::Equal, 1), Order::Key, 0),
        Query { after: elsewhere, ..query(Vec::new(), Order::Up(POWER), 1) },
    ] {
        let shown = format!("{wrong:?}");
        let error = store.query(&wrong).await.expect_err(&shown);
        assert_eq!(error.kind, StoreErrorKind::Invalid, "{shown}: {error}");
    }
}

/// Rows 10, a, b, d and e with powers 5, -1, none, 4 and 5; the tombstones bb and c.
async fn fill(store: &dyn Store) {
    for (key, power) in [("a", -1), ("d", 4), ("c", 3), ("10", 5), ("e", 5)] {
        let fields = vec![int(POWER, power), text(HANDLE, &format!("handle of {key}"))];
        created(store, key, &token(5), fields).await;
    }
    created(store, "b", &token(5), vec![text(HANDLE, "handle of b")]).await;
    claim(store, "bb", &token(5)).await.expect("nobody has it");
    let delete = op("c", Guard::Owner(token(5), 2), Write::Delete);
    assert_eq!(commit(store, delete).await, Ok(Committed { versions: vec![3] }));
}
