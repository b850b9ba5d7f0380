//! Values at the edges of what PostgreSQL can keep.

use guildhall_core::store::{
    Compare, Condition, Guard, Migrate, Order, Query, Store, StoreErrorKind, Value, Write,
};

use crate::ground::{COUNT, HERO, NAME, batch, commit, fresh_schema, is_there, named, read, store};

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_texts_may_have_any_character() {
    if !is_there("values::keys_and_texts_may_have_any_character") {
        return;
    }
    let store = store(&fresh_schema());
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    for odd in ["a\0b", "\u{1}", "'; DROP TABLE hero; --", "\\x00", "\u{10ffff}"] {
        let create = batch(odd, Guard::Absent, Write::Create(named(odd)));
        assert!(commit(&store, create).await.is_ok(), "{odd:?}");
        assert_eq!(read(&store, odd).await.unwrap().fields, named(odd));
        let conditions = vec![Condition {
            column: NAME,
            compare: Compare::Equal,
            value: Value::Text(odd.to_owned()),
        }];
        let (order, after, limit, keys_only) = (Order::Key, None, 10, false);
        let query = Query { table: &HERO, conditions, order, after, limit, keys_only };
        let found = store.query(&query).await.unwrap();
        assert_eq!(found.rows.len(), 1);
        assert_eq!(found.rows[0].0.as_str(), odd);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_the_server_does_not_take_fails_alone() {
    if !is_there("values::a_batch_that_the_server_does_not_take_fails_alone") {
        return;
    }
    let store = store(&fresh_schema());
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    // No entry of an index is that long, and these letters cannot be compressed.
    let mut seed = 1_u64;
    let long: String = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + u8::try_from((seed >> 33) % 90).unwrap())
    })
    .take(20_000)
    .collect();
    let write = |key: &str, name: &str| batch(key, Guard::Absent, Write::Create(named(name)));
    let done = store.commit(vec![write("1", "ann"), write("2", &long), write("3", "bob")]).await;
    assert!(done[0].is_ok() && done[2].is_ok(), "{done:?}");
    let error = done[1].clone().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
    assert!(read(&store, "1").await.is_some() && read(&store, "2").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_numbers_are_ordered_over_their_whole_range() {
    if !is_there("values::unsigned_numbers_are_ordered_over_their_whole_range") {
        return;
    }
    let store = store(&fresh_schema());
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    let counts = [u64::MAX, 1 << 63, 7, u64::MAX - 1];
    for count in counts {
        let fields = vec![(COUNT, Value::Uint(count))];
        let create = batch(&format!("k{count}"), Guard::Absent, Write::Create(fields));
        assert!(commit(&store, create).await.is_ok());
    }
    let conditions =
        vec![Condition { column: COUNT, compare: Compare::Greater, value: Value::Uint(7) }];
    let (order, limit) = (Order::Down(COUNT), 2);
    let mut query = Query { table: &HERO, conditions, order, after: None, limit, keys_only: true };
    let mut found = Vec::new();
    loop {
        let page = store.query(&query).await.unwrap();
        found.extend(page.rows.into_iter().map(|(key, _)| key.as_str().to_owned()));
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    let expected = [u64::MAX, u64::MAX - 1, 1 << 63].map(|count| format!("k{count}"));
    assert_eq!(found, expected);
}
