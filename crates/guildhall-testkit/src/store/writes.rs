//! Rules of guarded writes to one row.

use bytes::Bytes;
use guildhall_core::store::{Committed, Guard, Store, StoreErrorKind, Write};

use super::ground::{
    NAME, POWER, claim, commit, created, int, kind_of, op, opened, read, refused, text, token,
    token_of,
};

/// Rule 4.
pub async fn a_write_with_another_token_is_refused<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    created(&store, "1", &token_of(5, 1, 1, 1), vec![text(NAME, "ann")]).await;
    let before = read(&store, "1").await;
    let others =
        [token_of(4, 1, 1, 1), token_of(6, 1, 1, 1), token_of(5, 2, 1, 1), token_of(5, 1, 2, 1)];
    for other in others.into_iter().chain([token_of(5, 1, 1, 2)]) {
        let write = op("1", Guard::Owner(other, 2), Write::Update(vec![text(NAME, "bob")]));
        assert_eq!(kind_of(commit(&store, write).await), refused(5));
    }
    assert_eq!(read(&store, "1").await, before);

    let unclaimed = op("2", Guard::Owner(token(5), 0), Write::Create(vec![text(NAME, "bob")]));
    assert_eq!(kind_of(commit(&store, unclaimed).await), refused(0), "a write never makes a row");
    assert_eq!(read(&store, "2").await, None);
}

/// Rule 4.
pub async fn a_write_with_another_version_is_refused<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    created(&store, "1", &token(5), vec![text(NAME, "ann")]).await;
    let third = op("1", Guard::Owner(token(5), 2), Write::Update(vec![text(NAME, "bob")]));
    assert_eq!(commit(&store, third).await, Ok(Committed { versions: vec![3] }));
    for version in [0, 1, 4, 5] {
        let write = op("1", Guard::Owner(token(5), version), Write::Update(vec![int(POWER, 9)]));
        assert_eq!(kind_of(commit(&store, write).await), refused(5), "version {version}");
    }
    assert_eq!(read(&store, "1").await.map(|row| row.fields), Some(vec![text(NAME, "bob")]));
}

/// Rule 5.
pub async fn a_repeated_write_is_done_once<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    claim(&store, "1", &token(5)).await.expect("nobody has it");
    let create = op("1", Guard::Owner(token(5), 1), Write::Create(vec![text(NAME, "ann")]));
    for _ in 0..3 {
        assert_eq!(commit(&store, create.clone()).await, Ok(Committed { versions: vec![2] }));
    }
    let delete = op("1", Guard::Owner(token(5), 2), Write::Delete);
    for _ in 0..2 {
        assert_eq!(commit(&store, delete.clone()).await, Ok(Committed { versions: vec![3] }));
    }
    assert_eq!(kind_of(commit(&store, create.clone()).await), refused(5), "it is too late");

    let next = token_of(5, 1, 1, 2);
    let version = claim(&store, "1", &next).await.expect("the same holder").version;
    assert_eq!(version, 4);
    let late = op("1", Guard::Owner(token(5), 3), Write::Create(vec![text(NAME, "ann")]));
    assert_eq!(kind_of(commit(&store, late).await), refused(5), "another activation's write");
}

/// Rule 7.
pub async fn an_update_keeps_the_fields_it_does_not_name<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    created(&store, "1", &token(5), vec![text(NAME, "ann"), int(POWER, 7)]).await;
    let mut update = op("1", Guard::Owner(token(5), 2), Write::Update(vec![int(POWER, -8)]));
    update.records = Some(Bytes::from_static(b"reply 1"));
    assert_eq!(commit(&store, update).await, Ok(Committed { versions: vec![3] }));
    let update = op("1", Guard::Owner(token(5), 3), Write::Update(Vec::new()));
    assert_eq!(commit(&store, update).await, Ok(Committed { versions: vec![4] }));

    let row = read(&store, "1").await.expect("it was created");
    assert_eq!(row.fields, [text(NAME, "ann"), int(POWER, -8)]);
    assert_eq!((row.version, row.exists, &row.records[..]), (4, true, &b"reply 1"[..]));
    assert_eq!(row.token, Some(token(5)));
}

/// Rule 8.
pub async fn a_delete_keeps_the_head_and_the_records<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    claim(&store, "1", &token(5)).await.expect("nobody has it");
    let mut create = op("1", Guard::Owner(token(5), 1), Write::Create(vec![text(NAME, "ann")]));
    create.records = Some(Bytes::from_static(b"reply 1"));
    assert_eq!(commit(&store, create).await, Ok(Committed { versions: vec![2] }));
    let delete = op("1", Guard::Owner(token(5), 2), Write::Delete);
    assert_eq!(commit(&store, delete).await, Ok(Committed { versions: vec![3] }));

    let left = claim(&store, "1", &token_of(6, 2, 1, 1)).await.expect("6 is larger than 5");
    assert_eq!((left.version, left.exists, left.fields), (4, false, Vec::new()));
    assert_eq!(left.records, Bytes::from_static(b"reply 1"));
}

/// Rule 9.
pub async fn creating_an_existing_row_and_updating_a_missing_one_are_errors<T: Store>(
    open: impl AsyncFn() -> T,
) {
    let store = opened(&open).await;
    let kind = async |key, guard, write| kind_of(commit(&store, op(key, guard, write)).await);
    let fields = || vec![text(NAME, "ann")];

    created(&store, "1", &token(5), fields()).await;
    let owner = |version| Guard::Owner(token(5), version);
    assert_eq!(kind("1", owner(2), Write::Create(fields())).await, StoreErrorKind::Exists);
    claim(&store, "2", &token(5)).await.expect("nobody has it");
    assert_eq!(kind("2", owner(1), Write::Update(fields())).await, StoreErrorKind::Missing);
    assert_eq!(kind("2", owner(1), Write::Delete).await, StoreErrorKind::Missing);

    let made = commit(&store, op("3", Guard::Absent, Write::Create(fields()))).await;
    assert_eq!(made, Ok(Committed { versions: vec![1] }), "a stateless creator");
    assert_eq!(kind("3", Guard::Absent, Write::Create(fields())).await, StoreErrorKind::Exists);
    assert_eq!(
        kind("4", Guard::Version(0), Write::Update(fields())).await,
        StoreErrorKind::Missing
    );
    assert_eq!(kind("4", Guard::Version(0), Write::Delete).await, StoreErrorKind::Missing);

    let stale = Guard::Version(7);
    assert_eq!(kind("3", stale, Write::Update(fields())).await, refused(0));
    let gone = commit(&store, op("3", Guard::Version(1), Write::Delete)).await;
    assert_eq!(gone, Ok(Committed { versions: vec![2] }));
    assert_eq!(kind("3", Guard::Version(2), Write::Delete).await, StoreErrorKind::Missing);
    let again = commit(&store, op("3", Guard::Absent, Write::Create(fields()))).await;
    assert_eq!(again, Ok(Committed { versions: vec![3] }), "versions go on after a delete");
}

/// Rule 11.
pub async fn a_stateless_write_to_an_owned_row_is_refused<T: Store>(open: impl AsyncFn() -> T) {
    let store = opened(&open).await;
    created(&store, "1", &token(5), vec![text(NAME, "ann")]).await;
    claim(&store, "2", &token(5)).await.expect("nobody has it");
    let write = Write::Update(vec![text(NAME, "bob")]);
    for write in [write, Write::Delete] {
        let stateless = op("1", Guard::Version(2), write);
        assert_eq!(kind_of(commit(&store, stateless).await), refused(5));
    }
    let creator = op("2", Guard::Absent, Write::Create(vec![text(NAME, "bob")]));
    assert_eq!(kind_of(commit(&store, creator).await), refused(5), "an owned tombstone");
    assert_eq!(read(&store, "1").await.map(|row| row.version), Some(2));
}
