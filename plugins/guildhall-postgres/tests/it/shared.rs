//! Two stores, as two processes have them, on one schema at the same time.

use guildhall_core::store::{
    Column, Guard, Kind, Migrate, Store, StoreErrorKind, Table, Value, Write,
};

use crate::ground::{COUNT, HERO, batch, commit, fresh_schema, is_there, named, read, row, store};

#[tokio::test(flavor = "multi_thread")]
async fn of_writers_that_expect_one_version_one_succeeds() {
    if !is_there("shared::of_writers_that_expect_one_version_one_succeeds") {
        return;
    }
    let schema = fresh_schema();
    let (a, b) = (store(&schema), store(&schema));
    // Both make the tables.
    let tables = [&HERO];
    let prepared =
        tokio::join!(a.prepare(&tables, Migrate::Auto), b.prepare(&tables, Migrate::Auto));
    assert_eq!(prepared, (Ok(()), Ok(())));
    let create = batch("1", Guard::Absent, Write::Create(Vec::new()));
    assert!(commit(&a, create).await.is_ok());
    for version in 1..=20 {
        let count = |n| Write::Update(vec![(COUNT, Value::Uint(n))]);
        let write = |n| batch("1", Guard::Version(version), count(n));
        let (one, other, third) =
            tokio::join!(commit(&a, write(1)), commit(&b, write(2)), commit(&b, write(u64::MAX)));
        let done = [one, other, third];
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
        let row = read(&b, "1").await.unwrap();
        let winner = done.iter().position(Result::is_ok).unwrap();
        assert_eq!(row.version, version + 1);
        assert_eq!(row.fields, [(COUNT, Value::Uint([1, 2, u64::MAX][winner]))]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rows_that_take_one_unique_value_at_once_one_has_it() {
    if !is_there("shared::of_rows_that_take_one_unique_value_at_once_one_has_it") {
        return;
    }
    let schema = fresh_schema();
    let (a, b) = (store(&schema), store(&schema));
    a.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    for round in 0..20 {
        let create = |side: &str| {
            let write = Write::Create(named(&format!("ann {round}")));
            batch(&format!("{side}{round}"), Guard::Absent, write)
        };
        let (one, other) = tokio::join!(commit(&a, create("a")), commit(&b, create("b")));
        let error = one.clone().and(other.clone()).expect_err("both have the name");
        assert_eq!(error.kind, StoreErrorKind::Exists, "{error}");
        assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_another_process_adds_is_seen_and_kept() {
    if !is_there("shared::a_column_that_another_process_adds_is_seen_and_kept") {
        return;
    }
    const TITLE: u32 = 4;
    static LATER: Table = Table {
        name: HERO.name,
        key: HERO.key,
        columns: &[
            HERO.columns[0],
            HERO.columns[1],
            Column { number: TITLE, name: "title", kind: Kind::Text, unique: false, index: true },
        ],
    };
    let schema = fresh_schema();
    let (old, new) = (store(&schema), store(&schema));
    old.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    assert_eq!(read(&old, "1").await, None);
    new.prepare(&[&LATER], Migrate::Auto).await.unwrap();
    let mut create =
        batch("1", Guard::Absent, Write::Create(vec![(TITLE, Value::Text("sir".to_owned()))]));
    create.ops[0].row.table = &LATER;
    assert!(commit(&new, create).await.is_ok());
    let seen = read(&old, "1").await.unwrap();
    assert_eq!(seen.fields, [(TITLE, Value::Text("sir".to_owned()))]);
    let update = batch("1", Guard::Version(1), Write::Update(named("ann")));
    assert!(commit(&old, update).await.is_ok());
    let both = [named("ann"), vec![(TITLE, Value::Text("sir".to_owned()))]].concat();
    assert_eq!(read(&new, row("1").key.as_str()).await.unwrap().fields, both);
}
