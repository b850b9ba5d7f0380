//! What is on the server, as people and attackers see it.

use bytes::Bytes;
use guildhall_core::store::{Committed, Guard, Migrate, Store, StoreErrorKind, Value, Write};

use crate::ground::{COUNT, HERO, batch, commit, named, read, row, token};
use crate::server::{fresh, is_there, opened, prefix, redis_cli};

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_a_hash_that_people_can_read() {
    if !is_there("kept::a_row_is_a_hash_that_people_can_read") {
        return;
    }
    let options = fresh();
    let store = opened(&options).await.store();
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    store.claim(&[row("7")], token()).await.unwrap();
    let fields = [named("ann"), vec![(COUNT, Value::Uint(u64::MAX))]].concat();
    let mut create = batch("7", Guard::Owner(token(), 1), Write::Create(fields));
    create.ops[0].records = Some(Bytes::from_static(b"reply"));
    assert_eq!(commit(&store, create).await, Ok(Committed { versions: vec![2] }));
    let key = format!("{}:row:hero:7", prefix(&options));
    for (field, value) in [
        ("name", "ann"),
        ("count", "18446744073709551615"),
        ("@version", "2"),
        ("@epoch", "18446744073709551615"),
        ("@records", "reply"),
    ] {
        assert_eq!(redis_cli(&["HGET", &key, field]), value, "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_has_forgotten_are_loaded_again() {
    if !is_there("kept::scripts_that_the_server_has_forgotten_are_loaded_again") {
        return;
    }
    let store = opened(&fresh()).await.store();
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    for version in 0..3 {
        redis_cli(&["SCRIPT", "FLUSH"]);
        let write = match version {
            0 => batch("1", Guard::Absent, Write::Create(named("ann"))),
            _ => batch("1", Guard::Version(version), Write::Update(named("ann"))),
        };
        assert_eq!(commit(&store, write).await, Ok(Committed { versions: vec![version + 1] }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_rows_are_errors_and_no_panics() {
    if !is_there("kept::damaged_rows_are_errors_and_no_panics") {
        return;
    }
    let options = fresh();
    let store = opened(&options).await.store();
    store.prepare(&[&HERO], Migrate::Auto).await.unwrap();
    for (field, value) in [
        ("@version", "x"),
        ("@version", "-1"),
        ("@version", "18446744073709551616"),
        ("@exists", "maybe"),
        ("@epoch", ""),
        ("@app", "nobody"),
        ("count", "1e9"),
        ("name", "\u{fffd}"),
    ] {
        let key = "7";
        redis_cli(&["DEL", &format!("{}:row:hero:{key}", prefix(&options))]);
        store.claim(&[row(key)], token()).await.unwrap();
        redis_cli(&["HSET", &format!("{}:row:hero:{key}", prefix(&options)), field, value]);
        match store.read(&[row(key)]).await {
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Invalid, "{field}: {error}"),
            Ok(_) => assert_eq!(field, "name", "{field} = {value} was read"),
        }
        let _error = store.claim(&[row(key)], token()).await;
        let _error =
            commit(&store, batch(key, Guard::Owner(token(), 1), Write::Create(named("a")))).await;
    }
    let other = format!("{}:row:hero:8", prefix(&options));
    redis_cli(&["SET", &other, "no hash"]);
    let error = store.read(&[row("8")]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
    assert_eq!(read(&store, "9").await, None, "the store works");

    redis_cli(&["HSET", &format!("{}:schema:hero", prefix(&options)), "4", "Colour 0 0 tint"]);
    let fresh_store = opened(&options).await.store();
    let error = fresh_store.prepare(&[&HERO], Migrate::Auto).await.unwrap_err();
    assert!(error.message.contains("is no column"), "{error}");
}
