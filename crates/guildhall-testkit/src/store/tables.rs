//! Rules of schemas: allowed changes of a table between two releases.

use guildhall_core::store::{
    Committed, Compare, Condition, Guard, Kind, Migrate, Order, Query, Store, StoreErrorKind,
    Table, Value, Write,
};

use super::ground::{
    HANDLE, KEY, NAME, POWER, ROLE, claim, column, commit, created, indexed, int, kind_of, op,
    opened, read, row, text, token,
};
use super::queries::with_power;

/// Rule 14.
pub async fn prepare_refuses_a_retyped_column<T: Store>(open: impl AsyncFn() -> T) {
    static RETYPED: Table = Table {
        name: "contract_role",
        key: KEY,
        columns: &[column(POWER, "power", Kind::Text, false)],
    };
    static OTHER: Table = Table { name: "contract_other", key: KEY, columns: &[] };
    let store = opened(&open).await;
    let both = [&OTHER, &RETYPED];
    let error = store.prepare(&both, Migrate::Auto).await.expect_err("power was an integer");
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    assert!(error.to_string().contains("power"), "it names the column: {error}");
    store.prepare(&[&ROLE, &OTHER], Migrate::Check).await.expect_err("nothing was prepared");
    store.prepare(&[&ROLE], Migrate::Check).await.expect("the refused table left nothing behind");
}

/// Rule 14.
pub async fn prepare_refuses_a_number_under_another_name<T: Store>(open: impl AsyncFn() -> T) {
    static RENAMED: Table = Table {
        name: "contract_role",
        key: KEY,
        columns: &[column(POWER, "strength", Kind::Int, false)],
    };
    let store = opened(&open).await;
    let error = store.prepare(&[&RENAMED], Migrate::Auto).await.expect_err("3 was power");
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

    store.prepare(&[&OLDER], Migrate::Auto).await.expect("fewer columns are no conflict");
    let mut id = row("1");
    id.table = &OLDER;
    store.claim(&[id], token(6)).await.expect("6 is larger than 5");
    let mut update = op("1", Guard::Owner(token(6), 3), Write::Update(vec![text(NAME, "bob")]));
    update.row.table = &OLDER;
    assert_eq!(commit(&store, update).await, Ok(Committed { versions: vec![4] }));

    store.prepare(&[&ROLE], Migrate::Auto).await.expect("the columns are the same as before");
    let row = read(&store, "1").await.expect("it was created");
    assert_eq!(row.fields, [text(NAME, "bob"), int(POWER, 7)]);

    let unheard_of = op("1", Guard::Owner(token(6), 4), Write::Update(vec![int(99, 1)]));
    assert_eq!(kind_of(commit(&store, unheard_of).await), StoreErrorKind::Invalid);
}

/// Rule 15.
pub async fn an_older_release_keeps_the_indexes_of_a_newer_one<T: Store>(
    open: impl AsyncFn() -> T,
) {
    static OLDER: Table = Table {
        name: "contract_role",
        key: KEY,
        columns: &[column(NAME, "name", Kind::Text, false)],
    };
    let store = opened(&open).await;
    for key in ["1", "2"] {
        let fields = vec![int(POWER, 7), text(HANDLE, &format!("handle of {key}"))];
        created(&store, key, &token(5), fields).await;
    }
    store.prepare(&[&OLDER], Migrate::Auto).await.expect("fewer columns are no conflict");
    claim(&store, "3", &token(5)).await.expect("nobody has it");
    let by_the_older = async |key, version, write| {
        let mut op = op(key, Guard::Owner(token(5), version), write);
        op.row.table = &OLDER;
        let versions = vec![version + 1];
        assert_eq!(commit(&store, op).await, Ok(Committed { versions }));
    };
    by_the_older("3", 1, Write::Create(vec![text(NAME, "cid")])).await;
    by_the_older("1", 2, Write::Update(vec![text(NAME, "ann")])).await;
    by_the_older("2", 2, Write::Delete).await;

    store.prepare(&[&ROLE], Migrate::Check).await.expect("nothing was forgotten");
    assert_eq!(with_power(&store, &ROLE, 7).await, ["1"]);
    assert_eq!(with_power(&store, &ROLE, 0).await, ["3"], "the default");
    let again = Write::Update(vec![text(HANDLE, "handle of 2")]);
    let again = commit(&store, op("3", Guard::Owner(token(5), 2), again)).await;
    assert_eq!(again, Ok(Committed { versions: vec![3] }), "the deleted row has no values");
    if store.capabilities().unique {
        let taken = Write::Update(vec![text(HANDLE, "handle of 1")]);
        let taken = commit(&store, op("3", Guard::Owner(token(5), 3), taken)).await;
        assert_eq!(kind_of(taken), StoreErrorKind::Exists);
    }
}

/// What a release later has beside `name`: an index on `power`, which was there, and `rank`.
const RANK: u32 = 9;
static BEFORE: Table = Table {
    name: "contract_later",
    key: KEY,
    columns: &[column(NAME, "name", Kind::Text, false), column(POWER, "power", Kind::Int, false)],
};
static LATER: Table = Table {
    name: "contract_later",
    key: KEY,
    columns: &[
        column(NAME, "name", Kind::Text, true),
        indexed(POWER, "power", Kind::Int),
        indexed(RANK, "rank", Kind::Int),
    ],
};

/// Rows 1 and 2 of `BEFORE`, with powers 7 and none.
async fn before(store: &dyn Store) {
    store.prepare(&[&BEFORE], Migrate::Auto).await.expect("it is new");
    for (key, fields) in [("1", vec![text(NAME, "ann"), int(POWER, 7)]), ("2", Vec::new())] {
        let mut create = op(key, Guard::Absent, Write::Create(fields));
        create.row.table = &BEFORE;
        assert_eq!(commit(store, create).await, Ok(Committed { versions: vec![1] }));
    }
}

/// Rule 18.
pub async fn a_new_column_has_its_default_in_rows_that_were_there<T: Store>(
    open: impl AsyncFn() -> T,
) {
    let store = opened(&open).await;
    before(&store).await;
    store.prepare(&[&LATER], Migrate::Auto).await.expect("more columns are no conflict");
    assert_eq!(with_power(&store, &LATER, 7).await, ["1"], "an index of rows that were there");
    assert_eq!(with_power(&store, &LATER, 0).await, ["2"]);
    let ranked = |compare, value| Query {
        keys_only: false,
        table: &LATER,
        conditions: vec![Condition { column: RANK, compare, value: Value::Int(value) }],
        order: Order::Key,
        after: None,
        limit: 9,
    };
    let unranked = store.query(&ranked(Compare::Equal, 0)).await.expect("it has an index");
    assert_eq!(unranked.rows.len(), 2, "{unranked:?}");
    let mut update = op("1", Guard::Version(1), Write::Update(vec![int(RANK, 3)]));
    update.row.table = &LATER;
    assert_eq!(commit(&store, update).await, Ok(Committed { versions: vec![2] }));
    let ranked = store.query(&ranked(Compare::Equal, 3)).await.expect("it has an index");
    assert_eq!(ranked.rows.len(), 1, "{ranked:?}");
    if store.capabilities().unique {
        let mut taken = op("2", Guard::Version(1), Write::Update(vec![text(NAME, "ann")]));
        taken.row.table = &LATER;
        assert_eq!(kind_of(commit(&store, taken).await), StoreErrorKind::Exists, "unique now");
    }
}

/// Rule 19.
pub async fn a_check_changes_nothing_and_says_what_is_needed<T: Store>(open: impl AsyncFn() -> T) {
    let store = open().await;
    let needs = async |table| {
        let error = store.prepare(&[table], Migrate::Check).await.expect_err("it is needed");
        assert_eq!(error.kind, StoreErrorKind::Invalid);
        error.to_string()
    };
    for _ in 0..2 {
        let message = needs(&BEFORE).await;
        assert!(message.contains("a new table `contract_later`"), "{message}");
    }
    before(&store).await;
    store.prepare(&[&BEFORE], Migrate::Check).await.expect("nothing is needed");
    for _ in 0..2 {
        let message = needs(&LATER).await;
        for need in [
            "unique values in `contract_later.name`",
            "an index on `contract_later.power`",
            "a column 9 `rank` in `contract_later`",
        ] {
            assert!(message.contains(need), "no {need} in: {message}");
        }
    }
    store.prepare(&[&BEFORE], Migrate::Check).await.expect("nothing has changed");
}
