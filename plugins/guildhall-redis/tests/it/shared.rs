//! Two stores, as two processes have them, at one place at the same time.

use guildhall_core::store::{
    Column, Compare, Condition, Guard, Kind, Migrate, Order, Query, Store, StoreErrorKind, Table,
    Value, Write,
};

use crate::ground::{COUNT, HERO, NAME, batch, commit, named, read};
use crate::server::{fresh, is_there, opened};

#[tokio::test(flavor = "multi_thread")]
async fn of_writers_that_expect_one_version_one_succeeds() {
    if !is_there("shared::of_writers_that_expect_one_version_one_succeeds") {
        return;
    }
    let options = fresh();
    let (a, b) = (opened(&options).await.store(), opened(&options).await.store());
    let tables = [&HERO];
    let prepared =
        tokio::join!(a.prepare(&tables, Migrate::Auto), b.prepare(&tables, Migrate::Auto));
    assert_eq!(prepared, (Ok(()), Ok(())));
    assert!(commit(&a, batch("1", Guard::Absent, Write::Create(Vec::new()))).await.is_ok());
    for version in 1..=20 {
        let write = |n| {
            let count = Write::Update(vec![(COUNT, Value::Uint(n))]);
            batch("1", Guard::Version(version), count)
        };
        let (one, other) = tokio::join!(commit(&a, write(1)), commit(&b, write(u64::MAX)));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        let row = read(&b, "1").await.unwrap();
        let winner = if one.is_ok() { 1 } else { u64::MAX };
        assert_eq!((row.version, row.fields), (version + 1, vec![(COUNT, Value::Uint(winner))]));
    }
}

/// The same table before it had indexes.
static PLAIN: Table = Table {
    name: HERO.name,
    key: HERO.key,
    columns: &[
        Column { number: NAME, name: "name", kind: Kind::Text, unique: false, index: false },
        Column { number: COUNT, name: "count", kind: Kind::Uint, unique: false, index: false },
    ],
};

fn of_plain(mut it: guildhall_core::store::Batch) -> guildhall_core::store::Batch {
    it.ops[0].row.table = &PLAIN;
    it
}

async fn counted(store: &impl Store, count: u64) -> usize {
    let value = Value::Uint(count);
    let conditions = vec![Condition { column: COUNT, compare: Compare::Equal, value }];
    let (order, after, limit) = (Order::Key, None, 1000);
    let query = Query { table: &HERO, conditions, order, after, limit, keys_only: true };
    store.query(&query).await.unwrap().rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_built_while_others_write_and_has_their_rows() {
    if !is_there("shared::an_index_is_built_while_others_write_and_has_their_rows") {
        return;
    }
    let options = fresh();
    let (old, new) = (opened(&options).await.store(), opened(&options).await.store());
    old.prepare(&[&PLAIN], Migrate::Auto).await.unwrap();
    let create = |n: u64| {
        let fields = vec![(NAME, Value::Text(format!("hero {n}"))), (COUNT, Value::Uint(n % 2))];
        of_plain(batch(&format!("{n:04}"), Guard::Absent, Write::Create(fields)))
    };
    let done = old.commit((0..900).map(create).collect()).await;
    assert!(done.iter().all(Result::is_ok));
    let writes = async {
        for n in 0..300 {
            let (key, count) = (format!("{:04}", n * 3), Value::Uint(7));
            let update = batch(&key, Guard::Version(1), Write::Update(vec![(COUNT, count)]));
            assert!(commit(&old, of_plain(update)).await.is_ok());
        }
    };
    let tables = [&HERO];
    let (prepared, ()) = tokio::join!(new.prepare(&tables, Migrate::Auto), writes);
    assert_eq!(prepared, Ok(()));
    let counts = (counted(&new, 0).await, counted(&new, 1).await, counted(&new, 7).await);
    assert_eq!(counts, (300, 300, 300));
    let taken = batch("0000", Guard::Version(2), Write::Update(named("hero 899")));
    assert_eq!(commit(&new, taken).await.unwrap_err().kind, StoreErrorKind::Exists);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_column_whose_rows_have_one_value_is_refused_and_leaves_all_as_it_was() {
    if !is_there(
        "shared::a_unique_column_whose_rows_have_one_value_is_refused_and_leaves_all_as_it_was",
    ) {
        return;
    }
    let store = opened(&fresh()).await.store();
    store.prepare(&[&PLAIN], Migrate::Auto).await.unwrap();
    for key in ["1", "2"] {
        let create = batch(key, Guard::Absent, Write::Create(named("ann")));
        assert!(commit(&store, of_plain(create)).await.is_ok());
    }
    let error = store.prepare(&[&HERO], Migrate::Auto).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Exists);
    assert!(error.message.contains("`name`"), "{error}");
    store.prepare(&[&PLAIN], Migrate::Check).await.unwrap();
    let update = batch("1", Guard::Version(1), Write::Update(named("bob")));
    assert!(commit(&store, of_plain(update)).await.is_ok());
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    let taken = batch("2", Guard::Version(1), Write::Update(named("bob")));
    assert_eq!(commit(&store, taken).await.unwrap_err().kind, StoreErrorKind::Exists);
    let free = batch("2", Guard::Version(1), Write::Update(named("eve")));
    assert!(commit(&store, free).await.is_ok());
}
