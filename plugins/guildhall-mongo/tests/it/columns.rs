//! Columns that apps of two releases have.

use guildhall_core::store::{
    Compare, Condition, Guard, Migrate, Order, Query, Store, Value, Write,
};

use crate::ground::{COUNT, HERO, LATER, batch, commit, counted, fresh_schema, is_there, store};

/// The keys of rows with this count.
async fn with_count(store: &impl Store, count: u64) -> Vec<String> {
    let condition = Condition { column: COUNT, compare: Compare::Equal, value: Value::Uint(count) };
    let query = Query {
        table: &LATER,
        conditions: vec![condition],
        order: Order::Key,
        after: None,
        limit: 9,
        keys_only: true,
    };
    let page = store.query(&query).await.unwrap();
    page.rows.into_iter().map(|(key, _)| key.as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_has_the_rows_of_writers_who_do_not_know_it() {
    if !is_there("columns::an_index_has_the_rows_of_writers_who_do_not_know_it") {
        return;
    }
    let schema = fresh_schema();
    let (old, new) = (store(&schema).await, store(&schema).await);
    old.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    let create = |key| batch(key, Guard::Absent, Write::Create(counted(7)));
    commit(&old, create("1")).await.unwrap();
    commit(&old, create("2")).await.unwrap();

    new.prepare(&[&LATER], Migrate::Auto).await.unwrap();
    assert_eq!(with_count(&new, 7).await, ["1", "2"], "those that were there");
    // The old app has read the columns before.
    commit(&old, create("3")).await.unwrap();
    commit(&old, batch("1", Guard::Version(1), Write::Update(counted(8)))).await.unwrap();
    commit(&old, batch("2", Guard::Version(1), Write::Delete)).await.unwrap();
    assert_eq!(with_count(&new, 7).await, ["3"]);
    assert_eq!(with_count(&new, 8).await, ["1"]);
    commit(&new, batch("1", Guard::Version(2), Write::Update(counted(u64::MAX)))).await.unwrap();
    assert_eq!(with_count(&new, u64::MAX).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_that_prepare_at_once_all_have_their_tables() {
    if !is_there("columns::apps_that_prepare_at_once_all_have_their_tables") {
        return;
    }
    let schema = fresh_schema();
    let stores = [store(&schema).await, store(&schema).await, store(&schema).await];
    let tables = [[&HERO], [&LATER], [&HERO]];
    let prepared = stores.iter().zip(&tables);
    let prepared = prepared.map(|(store, tables)| store.prepare(tables, Migrate::Auto));
    futures_util::future::try_join_all(prepared).await.unwrap();
    stores[0].prepare(&[&LATER], Migrate::Check).await.unwrap();
}
