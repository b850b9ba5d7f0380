//! Rules of queries and schemas.

use guildhall_core::Key;
use guildhall_core::store::{
    Committed, Compare, Condition, Guard, Kind, Query, Store, StoreErrorKind, Table, Value, Write,
};

use super::{
    HANDLE, KEY, NAME, POWER, ROLE, claim, column, commit, created, int, kind_of, op, opened, read,
    row, text, token,
};

/// Rule 12.
pub async fn a_query_pages_in_key_order_and_skips_tombstones<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    fill(&store).await;
    let ask = async |conditions: Vec<Condition>, after: Option<&str>, limit| {
        let after = after.map(Key::from);
        let query = Query { table: &ROLE, conditions, after, limit };
        let page = store.query(&query).await.expect("the store is there");
        let keys: Vec<String> = page.rows.iter().map(|(key, _)| key.to_string()).collect();
        (keys.join(" "), page.more)
    };
    let when = |column, compare, value| vec![Condition { column, compare, value }];
    assert_eq!(ask(Vec::new(), None, 2).await, ("10 a".to_owned(), true));
    assert_eq!(ask(Vec::new(), Some("a"), 2).await, ("b d".to_owned(), false));
    assert_eq!(ask(Vec::new(), Some("d"), 2).await, (String::new(), false));
    let strong = when(POWER, Compare::Greater, Value::Int(1));
    assert_eq!(ask(strong.clone(), None, 2).await, ("10 b".to_owned(), true));
    assert_eq!(ask(strong, Some("b"), 2).await, ("d".to_owned(), false));
    let weak = when(POWER, Compare::Less, Value::Int(2));
    assert_eq!(ask(weak, None, 9).await, ("a".to_owned(), false));
    let unnamed = when(NAME, Compare::Equal, Value::Text(String::new()));
    assert_eq!(ask(unnamed, None, 9).await, ("10 a b d".to_owned(), false), "absent is default");
    let handle = |of: &str| when(HANDLE, Compare::Equal, Value::Text(format!("handle of {of}")));
    assert_eq!(ask(handle("b"), None, 9).await, ("b".to_owned(), false));
    assert_eq!(ask(handle("b"), Some("b"), 9).await, (String::new(), false));
    assert_eq!(ask(handle("c"), None, 9).await, (String::new(), false), "it was deleted");
    misfits_are_refused(&store).await;
}

/// Rows 10, a, b and d, and the tombstones bb and c.
async fn fill(store: &dyn Store) {
    for (key, power) in [("b", 2), ("a", 1), ("d", 4), ("c", 3), ("10", 5)] {
        let fields = vec![int(POWER, power), text(HANDLE, &format!("handle of {key}"))];
        created(store, key, &token(5), fields).await;
    }
    claim(store, "bb", &token(5)).await.expect("nobody has it");
    let delete = op("c", Guard::Owner(token(5), 2), Write::Delete);
    assert_eq!(commit(store, delete).await, Ok(Committed { versions: vec![3] }));
}

async fn misfits_are_refused(store: &dyn Store) {
    for (column, value) in [(99, Value::Int(1)), (POWER, Value::Text("strong".to_owned()))] {
        let conditions = vec![Condition { column, compare: Compare::Equal, value }];
        let query = Query { table: &ROLE, conditions, after: None, limit: 1 };
        assert_eq!(kind_of(store.query(&query).await), StoreErrorKind::Invalid);
    }
}

/// Rule 14.
pub async fn prepare_refuses_a_retyped_column<T: Store>(open: impl AsyncFn() -> T) {
    static RETYPED: Table = Table {
        name: "contract_role",
        key: KEY,
        columns: &[column(POWER, "power", Kind::Text, false)],
    };
    let store = opened(&open).await;
    let error = store.prepare(&[&RETYPED]).await.expect_err("power was an integer");
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    assert!(error.to_string().contains("power"), "it names the column: {error}");
    store.prepare(&[&ROLE]).await.expect("the refused table left nothing behind");
}

/// Rule 14.
pub async fn prepare_refuses_a_number_under_another_name<T: Store>(open: impl AsyncFn() -> T) {
    static RENAMED: Table = Table {
        name: "contract_role",
        key: KEY,
        columns: &[column(POWER, "strength", Kind::Int, false)],
    };
    let store = opened(&open).await;
    let error = store.prepare(&[&RENAMED]).await.expect_err("3 was power");
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    let message = error.to_string();
    assert!(message.contains("power") && message.contains("strength"), "{message}");
}

/// Rule 15.
pub async fn columns_that_the_schema_does_not_know_are_kept<T: Store>(open: impl AsyncFn() -> T) {
    static OLDER: Table = Table {
        name: "contract_role",
        key: KEY,
        columns: &[column(NAME, "name", Kind::Text, false)],
    };
    let store = opened(&open).await;
    created(&store, "1", &token(5), vec![text(NAME, "ann"), int(POWER, 7)]).await;

    store.prepare(&[&OLDER]).await.expect("fewer columns are no conflict");
    let mut id = row("1");
    id.table = &OLDER;
    store.claim(&[id], token(6)).await.expect("6 is larger than 5");
    let mut update = op("1", Guard::Owner(token(6), 3), Write::Update(vec![text(NAME, "bob")]));
    update.row.table = &OLDER;
    assert_eq!(commit(&store, update).await, Ok(Committed { versions: vec![4] }));

    store.prepare(&[&ROLE]).await.expect("the columns are the same as before");
    let row = read(&store, "1").await.expect("it was created");
    assert_eq!(row.fields, [text(NAME, "bob"), int(POWER, 7)]);

    let unheard_of = op("1", Guard::Owner(token(6), 4), Write::Update(vec![int(99, 1)]));
    assert_eq!(kind_of(commit(&store, unheard_of).await), StoreErrorKind::Invalid);
}
